"""Prolongation operators between levels; usable without torch, Ray or MLflow."""

from msann_sweep.operators.cache import OperatorCache
from msann_sweep.operators.circulant import CirculantResult, optimize_circulant
from msann_sweep.operators.closed_forms import closed_form, closed_form_species
from msann_sweep.operators.graphs import (
    box_product,
    cross_product,
    laplacian,
    manhattan_distance,
    sparse_laplacian,
)
from msann_sweep.operators.learned_graph import LEARNED, correlation_graph
from msann_sweep.operators.lineage import lineage
from msann_sweep.operators.matching import eigenvalue_matching, matching_prolongation
from msann_sweep.operators.objective import ObjectiveValue, ProlongationObjective, objective
from msann_sweep.operators.operator import Aggregation, Dense, Identity, Operator
from msann_sweep.operators.operator_set import OperatorSet, graphs_digest, operator_key
from msann_sweep.operators.optimize import ProlongationResult, optimize_prolongation
from msann_sweep.operators.products import (
    Kronecker,
    box_product_bound,
    box_product_exact,
    diffusion_distance,
)
from msann_sweep.operators.stationarity import Stationarity, stationarity
from msann_sweep.operators.strategies import STRATEGIES, build_operators, grid_shape

__all__ = [
    "LEARNED",
    "STRATEGIES",
    "Aggregation",
    "CirculantResult",
    "Dense",
    "Identity",
    "Kronecker",
    "ObjectiveValue",
    "Operator",
    "OperatorCache",
    "OperatorSet",
    "ProlongationObjective",
    "ProlongationResult",
    "Stationarity",
    "box_product",
    "box_product_bound",
    "box_product_exact",
    "build_operators",
    "closed_form",
    "closed_form_species",
    "correlation_graph",
    "cross_product",
    "diffusion_distance",
    "eigenvalue_matching",
    "graphs_digest",
    "grid_shape",
    "laplacian",
    "lineage",
    "manhattan_distance",
    "matching_prolongation",
    "objective",
    "operator_key",
    "optimize_circulant",
    "optimize_prolongation",
    "sparse_laplacian",
    "stationarity",
]
