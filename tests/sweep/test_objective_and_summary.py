"""What Optuna is told and what the tables compare, on results made by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.objective import objective
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.stopping import Race
from msann_sweep.sweep.summary import compare, rank_by_final_mse
from msann_sweep.training import TrialResult


def result(**fields: Any) -> TrialResult:
    known: dict[str, Any] = {
        "params": {},
        "seed": 0,
        "status": "finished",
        "stop_reason": "budget_cost",
        "message": None,
        "initial_mse": 1.0,
        "final_mse": 0.5,
        "best_mse": 0.5,
        "cost_to_tenth": None,
        "wall_to_tenth_s": None,
        "cost": 1000.0,
        "wall_s": 1.0,
        "steps_per_level": [10],
    }
    return TrialResult(**(known | fields))


def record(trial_id: str, L: int, role: str = "sample", **fields: Any) -> TrialRecord:
    return TrialRecord(Assignment(trial_id, trial_id, role, 0, {"L": L}), result(**fields))


def value_of(trial: TrialResult) -> float:
    return objective(trial, target=0.1, budget_cost=1000.0)


def test_a_reached_target_counts_by_its_cost() -> None:
    assert value_of(result(cost_to_tenth=100.0)) == pytest.approx(2.0)


@given(st.floats(0.1001, 1.0), st.floats(0.1001, 1.0))
def test_the_penalty_grows_with_the_distance_from_the_target(first: float, second: float) -> None:
    values = [value_of(result(best_mse=mse)) for mse in (first, second)]
    assert (first < second) == (values[0] < values[1])
    assert min(values) > math.log10(1000.0)


def test_failing_is_no_better_than_a_whole_budget_without_progress() -> None:
    failed = result(status="failed", stop_reason="non_finite", cost=3.0, best_mse=0.2)
    assert value_of(failed) == pytest.approx(value_of(result(best_mse=1.0)))


def test_comparison_of_known_censored_and_failed_trials() -> None:
    records = [
        record("slow", 2, cost_to_tenth=900.0),
        record("fast", 3, cost_to_tenth=100.0),
        record("raced", 2, status="stopped", stop_reason="race", cost=400.0, best_mse=0.3),
        record("broken", 2, status="failed", stop_reason="non_finite", initial_mse=None),
        record("default", 0, role="default", cost_to_tenth=800.0),
        record("tuned-1", 0, role="tuned_default", cost_to_tenth=500.0),
        record("plain sample", 0, cost_to_tenth=450.0),
        TrialRecord(Assignment("running", "running", "sample", 0, {"L": 1})),
    ]
    compared = compare(records)
    assert compared.best is records[1]
    assert compared.worst is records[2]
    assert compared.worst.censored
    assert compared.default is records[4]
    assert compared.tuned_default is records[6]


def test_comparison_by_final_mse() -> None:
    records = [record("a", 1, final_mse=0.3), record("b", 1, final_mse=0.2)]
    compared = compare(records, rank_by_final_mse)
    assert (compared.best, compared.worst) == (records[1], records[0])


def test_comparison_without_trials() -> None:
    assert set(vars(compare([])).values()) == {None}
    broken = record("broken", 2, status="failed", stop_reason="error")
    assert set(vars(compare([broken])).values()) == {None}


def report(cost: float, reached: float | None = None, role: str = "sample") -> dict[str, Any]:
    return {"role": role, "cost": cost, "cost_to_tenth": reached}


def test_the_race() -> None:
    race = Race(race_factor=4.0)
    assert not race.loses(report(1e9))
    assert not race.loses(report(150.0, reached=100.0))
    assert not race.loses(report(400.0))
    assert race.loses(report(401.0))
    assert not race.loses(report(401.0, role="default"))
    assert not race.loses(report(401.0, role="tuned_default"))
    assert not race.loses(report(401.0, reached=390.0))
    assert not race.loses(report(60.0, reached=50.0))
    assert race.loses(report(201.0))


def test_a_race_that_goes_on_or_is_switched_off() -> None:
    assert Race(4.0, best_cost=10.0).loses(report(41.0))
    assert not Race(None, best_cost=10.0).loses(report(41.0))
