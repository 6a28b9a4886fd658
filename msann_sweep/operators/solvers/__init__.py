"""Methods that minimise a :class:`ProlongationObjective` over PᵀP = I, one a file.

Each is a function ``(problem, start, max_iterations) -> Solution``; :data:`METHODS` names them.
"""

from collections.abc import Callable

from msann_sweep.operators.objective import ProlongationObjective
from msann_sweep.operators.operator import FloatArray
from msann_sweep.operators.solvers.curvilinear import curvilinear
from msann_sweep.operators.solvers.manifold import conjugate_gradient, trust_regions
from msann_sweep.operators.solvers.nelder_mead import nelder_mead
from msann_sweep.operators.solvers.projected_gradient import projected_gradient
from msann_sweep.operators.solvers.stiefel import Solution

METHODS: dict[str, Callable[[ProlongationObjective, FloatArray, int], Solution]] = {
    "trust-regions": trust_regions,
    "conjugate-gradient": conjugate_gradient,
    "projected-gradient": projected_gradient,
    "curvilinear": curvilinear,
    "nelder-mead": nelder_mead,
}

__all__ = ["METHODS", "Solution"]
