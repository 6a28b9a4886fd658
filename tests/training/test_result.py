"""Crossings and summaries of curves, worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msann_sweep.training.result import Row, find_crossing, summarise


def row(cost: float, val_mse: float, wall_s: float = 0.0) -> Row:
    return Row(val_mse=val_mse, cost=cost, wall_s=wall_s, level=0, steps_per_level=[int(cost)])


def test_crossing_is_log_linear_between_the_evaluations_around_it() -> None:
    curve = [row(0, 1.0), row(100, 0.4, 1.0), row(200, 0.025, 3.0), row(300, 0.01, 5.0)]
    crossing = find_crossing(curve, 0.1)
    assert crossing is not None
    # log 0.1 lies half-way between log 0.4 and log 0.025.
    assert crossing.cost == pytest.approx(150)
    assert crossing.wall_s == pytest.approx(2.0)


def test_no_crossing() -> None:
    assert find_crossing([], 0.1) is None
    assert find_crossing([row(0, 1.0), row(100, 0.11)], 0.1) is None


def test_the_first_of_several_crossings_counts() -> None:
    curve = [row(0, 1.0), row(10, 0.1), row(20, 0.5), row(30, 0.05)]
    crossing = find_crossing(curve, 0.1)
    assert crossing is not None
    assert crossing.cost == pytest.approx(10)


@given(
    st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=20),
    st.floats(0.01, 0.9),
)
def test_crossing_lies_between_the_evaluations_around_it(mses: list[float], target: float) -> None:
    curve = [row(10.0 * i, mse) for i, mse in enumerate([1.0, *mses])]
    crossing = find_crossing(curve, target)
    reached = [i for i, each in enumerate(curve) if each["val_mse"] <= target]
    assert (crossing is None) == (not reached)
    if crossing:
        assert 10.0 * (reached[0] - 1) <= crossing.cost <= 10.0 * reached[0] + 1e-9


def test_summary_of_a_curve() -> None:
    curve = [row(0, 1.0), row(10, 0.2), row(20, 0.3)]
    result = summarise(
        curve, target=0.1, params={"L": 0}, seed=3, status="stopped", stop_reason="race"
    )
    assert (result.initial_mse, result.final_mse, result.best_mse) == (1.0, 0.3, 0.2)
    assert result.cost == 20
    assert result.cost_to_tenth is None
    assert result.steps_per_level == [20]


def test_summary_of_a_trial_that_was_never_evaluated() -> None:
    result = summarise([], target=0.1, params={}, seed=0, status="failed", stop_reason="error")
    assert result.initial_mse is None
    assert result.cost == 0
    assert not math.isnan(result.wall_s)
