"""Best, worst, default and tuned default of a sweep, compared fairly."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from msann_sweep.sweep.assignment import DEFAULT
from msann_sweep.sweep.record import TrialRecord


@dataclass(frozen=True)
class Comparison:
    """The trials that the paper's tables compare; None where a sweep has no such trial.

    ``best`` and ``worst`` are MsANN trials (L > 0), ``default`` is plain training with the file's
    training section, ``tuned_default`` the best plain training (L = 0) of the whole sweep.
    """

    best: TrialRecord | None
    worst: TrialRecord | None
    default: TrialRecord | None
    tuned_default: TrialRecord | None


def rank_by_cost(record: TrialRecord) -> tuple[bool, float, float]:
    """Sort key, best first: known costs to the target ascending, then the censored ones.

    A censored trial's cost is known only to exceed what it was trained for; among those the one
    that stayed furthest from its target comes last. Failed trials come after all others.
    """
    result = record.result
    if result is None or result.status == "failed" or not result.initial_mse:
        return True, float("inf"), float("inf")
    if result.cost_to_tenth is not None:
        return False, result.cost_to_tenth, 0.0
    assert result.best_mse is not None
    return True, result.best_mse / result.initial_mse, -result.cost


def rank_by_final_mse(record: TrialRecord) -> tuple[bool, float, float]:
    """Sort key, best first: final MSE ascending, failed trials last."""
    result = record.result
    if result is None or result.status == "failed" or result.final_mse is None:
        return True, float("inf"), float("inf")
    return False, result.final_mse, result.cost


def compare(
    records: Iterable[TrialRecord],
    rank: Callable[[TrialRecord], tuple[bool, float, float]] = rank_by_cost,
) -> Comparison:
    """Compare the trials that have ended; ``rank`` orders them, best first.

    ``best`` is None while nothing but failures has ended, ``worst`` is the last of the order
    (perhaps censored, then only a lower bound of its cost is known; never a failed trial).
    """
    ended = [record for record in records if record.result and record.result.status != "failed"]
    ranked = sorted(ended, key=rank)
    multilevel = [record for record in ranked if record.assignment.params.get("L", 0) > 0]
    plain = [record for record in ranked if record not in multilevel]
    defaults = [record for record in plain if record.assignment.role == DEFAULT]
    tuned = [record for record in plain if record.assignment.role != DEFAULT]
    return Comparison(
        best=multilevel[0] if multilevel else None,
        worst=multilevel[-1] if multilevel else None,
        default=defaults[0] if defaults else None,
        tuned_default=tuned[0] if tuned else None,
    )
