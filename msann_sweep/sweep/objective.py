"""What Optuna minimises: the logarithm of cost-to-1/10, with a penalty where it is unknown."""

from __future__ import annotations

import math

from msann_sweep.training import TrialResult

PENALTY_EXPONENT = 2.0


def objective(result: TrialResult, *, target: float, budget_cost: float) -> float:
    """log10 of the cost to the target, in finest-level examples.

    A trial that did not reach it scores ``cost · (best MSE / target MSE)²``: at least the cost it
    was given, more the further away it stayed. One that failed counts as though its whole budget
    had not improved its MSE at all.
    """
    if result.cost_to_tenth is not None:
        return math.log10(max(result.cost_to_tenth, 1e-6))
    cost, distance = budget_cost, 1 / target
    if result.status != "failed" and result.best_mse is not None and result.initial_mse is not None:
        cost, distance = result.cost, result.best_mse / (target * result.initial_mse)
    return math.log10(max(cost, 1e-6)) + PENALTY_EXPONENT * math.log10(max(distance, 1.0))
