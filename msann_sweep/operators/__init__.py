"""Prolongation operators between levels; usable without torch, Ray or MLflow."""

from msann_sweep.operators.operator import Aggregation, Dense, Identity, Operator
from msann_sweep.operators.operator_set import OperatorSet, operator_key
from msann_sweep.operators.strategies import STRATEGIES, build_operators, grid_shape

__all__ = [
    "STRATEGIES",
    "Aggregation",
    "Dense",
    "Identity",
    "Operator",
    "OperatorSet",
    "build_operators",
    "grid_shape",
    "operator_key",
]
