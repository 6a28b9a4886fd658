"""What Optuna minimises: logarithms of cost-to-1/10, penalised where unknown, and of final MSE."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from msann_sweep.config import SweepConfig
from msann_sweep.training import TrialResult

PENALTY_EXPONENT = 2.0


def penalised(cost: float, distance: float) -> float:
    """log10 of ``cost · distance²``: the target was not reached at that cost.

    ``distance`` is the lowest MSE over the target MSE: at least the cost it was given counts, more
    the further away it stayed.
    """
    return math.log10(max(cost, 1e-6)) + PENALTY_EXPONENT * math.log10(max(distance, 1.0))


def objective(result: TrialResult, *, target: float, budget_cost: float) -> float:
    """log10 of the cost to the target, in finest-level examples.

    A trial that did not reach it is penalised; one that failed counts as though its whole budget
    had not improved its MSE at all.
    """
    if result.cost_to_tenth is not None:
        return math.log10(max(result.cost_to_tenth, 1e-6))
    if result.status != "failed" and result.best_mse is not None and result.initial_mse is not None:
        return penalised(result.cost, result.best_mse / (target * result.initial_mse))
    return penalised(budget_cost, 1 / target)


def sample_objectives(config: SweepConfig, results: Sequence[TrialResult]) -> list[float]:
    """One value per ``search.objectives``: the mean over a sample's seeds, none of them failed."""
    target, budget = config.stopping.target, config.training.budget_cost
    costs = [objective(result, target=target, budget_cost=budget) for result in results]
    values = [statistics.fmean(costs)]
    if "final_mse" in config.search.objectives:
        finals = [result.final_mse for result in results if result.final_mse is not None]
        values.append(statistics.fmean(math.log10(max(final, 1e-300)) for final in finals))
    return values
