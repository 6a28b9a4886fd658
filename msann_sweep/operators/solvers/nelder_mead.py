"""Nelder and Mead's simplex method, the paper's prototype: no derivatives, small problems only."""

from __future__ import annotations

from msann_sweep.errors import OperatorError
from msann_sweep.operators.objective import ProlongationObjective
from msann_sweep.operators.operator import FloatArray
from msann_sweep.operators.solvers.stiefel import OUT_OF_ITERATIONS, Solution, nearest

MOST_UNKNOWNS = 200


def nelder_mead(problem: ProlongationObjective, start: FloatArray, max_iterations: int) -> Solution:
    """Minimise E(nearest orthonormal matrix to X) over all X, which keeps to the constraint.

    Raises OperatorError above 200 unknowns, where the paper, too, found it not to end.
    """
    if start.size > MOST_UNKNOWNS:
        raise OperatorError(
            f"nelder-mead: got {start.size} unknowns ({start.shape[0]} x {start.shape[1]}); "
            f"allowed: up to {MOST_UNKNOWNS}; take trust-regions"
        )
    # A quarter of a second that whoever does not optimise, such as a trial, does without.
    from scipy.optimize import minimize

    found = minimize(
        lambda x: problem.value(nearest(x.reshape(start.shape))),
        start.ravel(),
        method="Nelder-Mead",
        options={"maxiter": max_iterations, "maxfev": 10 * max_iterations, "adaptive": True},
    )
    reason = "simplex has collapsed" if found.success else OUT_OF_ITERATIONS
    return Solution(nearest(found.x.reshape(start.shape)), int(found.nit), reason)
