"""Pymanopt's trust-regions and conjugate-gradient methods, with derivatives written by hand.

Pymanopt imports every differentiation library that it finds, torch among them, which takes seconds.
So it is imported by the first call, and whoever does not optimise does without.
"""

from __future__ import annotations

import math

import numpy as np

from msann_sweep.operators.objective import ProlongationObjective
from msann_sweep.operators.operator import FloatArray
from msann_sweep.operators.solvers.stiefel import (
    CONVERGED,
    GRADIENT_TOLERANCE,
    NO_DESCENT,
    OUT_OF_ITERATIONS,
    Solution,
)


def trust_regions(
    problem: ProlongationObjective, start: FloatArray, max_iterations: int
) -> Solution:
    """Riemannian trust regions (second order)."""
    return _solve("TrustRegions", problem, start, max_iterations)


def conjugate_gradient(
    problem: ProlongationObjective, start: FloatArray, max_iterations: int
) -> Solution:
    """Riemannian conjugate gradients with a line search."""
    return _solve("ConjugateGradient", problem, start, max_iterations)


def _solve(
    optimizer: str, problem: ProlongationObjective, start: FloatArray, max_iterations: int
) -> Solution:
    import pymanopt

    manifold = pymanopt.manifolds.Stiefel(*problem.shape)
    in_numpy = pymanopt.function.numpy(manifold)
    stated = pymanopt.Problem(
        manifold,
        in_numpy(problem.value),
        euclidean_gradient=in_numpy(problem.gradient),
        euclidean_hessian=in_numpy(problem.hessian),
    )
    # Bounded by iterations alone: a clock would make results depend on the machine.
    solver = getattr(pymanopt.optimizers, optimizer)(
        max_iterations=max_iterations,
        max_time=math.inf,
        max_cost_evaluations=math.inf,
        min_gradient_norm=GRADIENT_TOLERANCE,
        verbosity=0,
    )
    # At a critical point pymanopt divides zero by zero on its way to saying so.
    with np.errstate(divide="ignore", invalid="ignore"):
        found = solver.run(stated, initial_point=start)
    criterion = found.stopping_criterion
    if "max iterations" in criterion:
        reason = OUT_OF_ITERATIONS
    else:
        reason = CONVERGED if "grad norm" in criterion else NO_DESCENT
    return Solution(found.point, found.iterations, reason)
