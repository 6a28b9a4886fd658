"""Optimal prolongation maps (eq. 3.3 under PᵀP = I) behind one function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt

from msann_sweep.errors import OperatorError
from msann_sweep.operators.graphs import laplacian, orthonormality_error
from msann_sweep.operators.matching import eigenvalue_matching, matching_prolongation
from msann_sweep.operators.objective import ObjectiveValue, ProlongationObjective
from msann_sweep.operators.operator import FloatArray
from msann_sweep.operators.solvers import METHODS, Solution
from msann_sweep.operators.solvers.stiefel import random_orthonormal

ORTHONORMAL = 1e-8


@dataclass(frozen=True)
class ProlongationResult:
    """A minimiser P, shape (n₂, n₁), its value, and how the solver ended."""

    P: FloatArray
    value: ObjectiveValue
    iterations: int
    stop_reason: str


def optimize_prolongation(
    g1: nx.Graph,
    g2: nx.Graph,
    *,
    s: float,
    alpha: float | None = None,
    beta: float | None = None,
    method: str = "trust-regions",
    seed: int = 0,
    max_iterations: int = 1000,
    start: str | npt.ArrayLike = "matching",
    restarts: int = 0,
    map_starts: Callable[..., Iterable[Solution]] = map,
) -> ProlongationResult:
    """Minimise eq. 3.3 over orthonormal P from ``g1`` (coarse) to ``g2`` (fine).

    ``method`` is trust-regions or conjugate-gradient (pymanopt), projected-gradient, curvilinear
    (Wen & Yin) or nelder-mead (up to 200 unknowns). ``start`` is "matching" (the 0/1 matrix
    m*(L₁, L₂) of Section 3.3.2), "spectral" (the same matching in graph space, Section 5.1; for
    cycles it is a critical point at every s, so that nothing moves), "random", or an orthonormal
    P, shape (n₂, n₁). ``restarts`` adds that many random starts, drawn from ``seed``;
    ``map_starts`` is called like :func:`map` on the starts and may work in parallel: what it is
    given can be pickled. The best end is returned; each start is bounded by ``max_iterations``.
    Raises OperatorError for an unknown method or start, and as :class:`ProlongationObjective`.
    """
    problem = ProlongationObjective(g1, g2, s=s, alpha=alpha, beta=beta)
    if method not in METHODS:
        raise OperatorError(f"method: got {method!r}; allowed: {', '.join(METHODS)}")
    if max_iterations < 1 or restarts < 0:
        raise OperatorError(
            f"max_iterations, restarts: got {max_iterations}, {restarts}; "
            "allowed: at least 1, at least 0"
        )
    rng = np.random.default_rng(seed)
    starts = [_first_start(problem, start, rng)]
    starts += [random_orthonormal(*problem.shape, rng) for _ in range(restarts)]
    solve = partial(_solve, METHODS[method], problem, max_iterations)
    best = min(map_starts(solve, starts), key=lambda found: problem.value(found.P))
    return ProlongationResult(best.P, problem.evaluate(best.P), best.iterations, best.stop_reason)


def _solve(
    method: Callable[[ProlongationObjective, FloatArray, int], Solution],
    problem: ProlongationObjective,
    max_iterations: int,
    start: FloatArray,
) -> Solution:
    return method(problem, start, max_iterations)


def _first_start(
    problem: ProlongationObjective, start: Any, rng: np.random.Generator
) -> FloatArray:
    if isinstance(start, str):
        if start == "matching":
            return eigenvalue_matching(laplacian(problem.g1), laplacian(problem.g2))
        if start == "spectral":
            return matching_prolongation(problem.g1, problem.g2)
        if start == "random":
            return random_orthonormal(*problem.shape, rng)
        raise OperatorError(f"start: got {start!r}; allowed: matching, spectral, random, or P")
    P: FloatArray = problem.checked(start)
    error = orthonormality_error(P)
    if error > ORTHONORMAL:
        raise OperatorError(
            f"start: PᵀP differs from the identity by {error:.3g}; allowed: {ORTHONORMAL:g}"
        )
    return P
