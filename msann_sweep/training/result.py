"""What a trial's evaluations amount to: the curve of MSE against cost and its summary."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NotRequired, TypedDict


class Row(TypedDict):
    """One evaluation on the validation set.

    ``val_mse`` is the mean squared error, or the mean of the loss that the network has instead;
    ``val_accuracy``, where labels are learnt, the share of examples told right. ``cost`` is in
    finest-level training examples, ``wall_s`` in seconds of training (evaluations excluded),
    ``level`` the level last trained at, ``steps_per_level`` all steps so far.
    """

    val_mse: float
    cost: float
    wall_s: float
    level: int
    steps_per_level: list[int]
    val_accuracy: NotRequired[float]


@dataclass(frozen=True)
class Crossing:
    """Where the curve first reaches the target, in cost and in seconds."""

    cost: float
    wall_s: float


def has_reached(row: Row, first: Row, target: float, accuracy: float | None = None) -> bool:
    """Whether a row is at ``target`` × the first row's MSE, or at ``accuracy`` if that is given."""
    if accuracy is not None:
        return row["val_accuracy"] >= accuracy
    return row["val_mse"] <= target * first["val_mse"]


def find_crossing(
    curve: Sequence[Row], target: float, accuracy: float | None = None
) -> Crossing | None:
    """First crossing of the target, see :func:`has_reached`, or None if there is none.

    Between the two evaluations around it, log MSE (or accuracy) is taken to be linear in cost and
    in seconds.
    """
    for before, after in itertools.pairwise(curve):
        if has_reached(after, curve[0], target, accuracy):
            if accuracy is not None:
                gain = after["val_accuracy"] - before["val_accuracy"]
                share = (accuracy - before["val_accuracy"]) / gain if gain > 0 else 0.0
            else:
                drop = math.log(before["val_mse"] / max(after["val_mse"], 1e-300))
                share = math.log(before["val_mse"] / (target * curve[0]["val_mse"])) / drop
            return Crossing(
                cost=before["cost"] + share * (after["cost"] - before["cost"]),
                wall_s=before["wall_s"] + share * (after["wall_s"] - before["wall_s"]),
            )
    return None


@dataclass(frozen=True)
class TrialResult:
    """The outcome of one trial.

    ``status`` is "finished", "failed" or, in a sweep, "stopped"; ``stop_reason`` is "target",
    "budget_cost", "budget_s", "non_finite", in a sweep also "race" (stopped) or "error" (failed),
    or "interrupted" as long as it was trained no further; ``message`` says why a trial failed.
    ``cost_to_tenth`` and ``wall_to_tenth_s`` are None where the target was not reached; the MSEs
    are None where the trial was not even evaluated once.
    """

    params: dict[str, Any]
    seed: int
    status: str
    stop_reason: str
    message: str | None
    initial_mse: float | None
    final_mse: float | None
    best_mse: float | None
    cost_to_tenth: float | None
    wall_to_tenth_s: float | None
    cost: float
    wall_s: float
    steps_per_level: list[int]

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for ``json.dumps``."""
        return asdict(self)


def summarise(
    curve: Sequence[Row],
    *,
    target: float,
    params: dict[str, Any],
    seed: int,
    status: str,
    stop_reason: str,
    message: str | None = None,
    accuracy: float | None = None,
) -> TrialResult:
    """The result that a curve of evaluations amounts to; ``target`` is a share of the first MSE.

    Where ``accuracy`` is given it is the target, and ``cost_to_tenth`` the cost to it.
    """
    crossing = find_crossing(curve, target, accuracy)
    last = curve[-1] if curve else None
    return TrialResult(
        params=params,
        seed=seed,
        status=status,
        stop_reason=stop_reason,
        message=message,
        initial_mse=curve[0]["val_mse"] if curve else None,
        final_mse=last["val_mse"] if last else None,
        best_mse=min(row["val_mse"] for row in curve) if curve else None,
        cost_to_tenth=crossing.cost if crossing else None,
        wall_to_tenth_s=crossing.wall_s if crossing else None,
        cost=last["cost"] if last else 0.0,
        wall_s=last["wall_s"] if last else 0.0,
        steps_per_level=list(last["steps_per_level"]) if last else [],
    )
