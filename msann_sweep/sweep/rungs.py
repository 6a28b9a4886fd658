"""The costs at which samples are compared while they are trained, and what is compared there."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msann_sweep.sweep.objective import penalised
from msann_sweep.training import Row
from msann_sweep.training.result import find_crossing

REDUCTION = 3
N_RUNGS = 4


def rungs(budget_cost: float) -> list[int]:
    """The common costs, in finest-level training examples: budget / 81, / 27, / 9 and / 3.

    They are whole numbers (Optuna's steps are), each three times the one before.
    """
    lowest = max(1, round(budget_cost / REDUCTION**N_RUNGS))
    return [lowest * REDUCTION**i for i in range(N_RUNGS)]


def standing(
    curve: Sequence[Row], rung: float, target: float, accuracy: float | None = None
) -> float:
    """The objective of a trial as things stood at cost ``rung``, which its curve has passed.

    log10 of the cost to the target if it had been reached; otherwise penalised by the lowest MSE up
    to there, whose logarithm is taken to be linear in cost between two evaluations. At one rung,
    trials are thus ranked by their MSE relative to the initial one.
    """
    last = next(i for i, row in enumerate(curve) if row["cost"] >= rung)
    crossing = find_crossing(curve[: last + 1], target, accuracy)
    if crossing and crossing.cost <= rung:
        return math.log10(max(crossing.cost, 1e-6))
    lowest = min(row["val_mse"] for row in curve[: last + 1])
    if last > 0:
        before, after = curve[last - 1], curve[last]
        share = (rung - before["cost"]) / (after["cost"] - before["cost"])
        lowest_before = min(row["val_mse"] for row in curve[:last])
        lowest = lowest_before ** (1 - share) * lowest**share
    return penalised(rung, lowest / (target * curve[0]["val_mse"]))
