"""Steepest descent in the ambient space, each step taken back to the manifold.

This is the paper's own alternative to manifold optimisation (SM3), with a backtracking line search.
"""

from __future__ import annotations

import numpy as np

from msann_sweep.operators.objective import ProlongationObjective
from msann_sweep.operators.operator import FloatArray
from msann_sweep.operators.solvers.stiefel import (
    CONVERGED,
    GRADIENT_TOLERANCE,
    NO_DESCENT,
    OUT_OF_ITERATIONS,
    Solution,
    nearest,
    riemannian,
)

SUFFICIENT_DECREASE = 1e-4
SMALLEST_STEP = 1e-16


def projected_gradient(
    problem: ProlongationObjective, start: FloatArray, max_iterations: int
) -> Solution:
    """P ← nearest orthonormal matrix to P − τ∇E, τ doubled after a success and halved until one."""
    P, value = start, problem.value(start)
    step = 1.0 / max(float(np.linalg.norm(problem.gradient(P))), 1.0)
    for iteration in range(max_iterations):
        gradient = problem.gradient(P)
        slope = float(np.sum(riemannian(P, gradient) ** 2))
        if slope < GRADIENT_TOLERANCE**2:
            return Solution(P, iteration, CONVERGED)
        while True:
            trial = nearest(P - step * gradient)
            trial_value = problem.value(trial)
            if trial_value <= value - SUFFICIENT_DECREASE * step * slope:
                break
            step /= 2
            if step < SMALLEST_STEP:
                return Solution(P, iteration, NO_DESCENT)
        P, value, step = trial, trial_value, 2 * step
    return Solution(P, max_iterations, OUT_OF_ITERATIONS)
