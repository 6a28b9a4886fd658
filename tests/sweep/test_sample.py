"""Samples over their seeds: means, errors, bounds, and what exceeds the noise."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.sample import (
    Estimate,
    Sample,
    difference_in_cost,
    difference_in_seconds,
    samples_of,
)
from msann_sweep.sweep.standings import Standings
from msann_sweep.sweep.summary import compare, compare_samples, pareto_front
from tests.sweep.test_objective_and_summary import result

COSTS = st.lists(st.integers(1, 10**6).map(float), min_size=2, max_size=6, unique=True)


def seeds(
    sample: str, costs: list[float | None], L: int = 2, role: str = "sample", **fields: Any
) -> list[TrialRecord]:
    """One trial per cost to the target; None: it was not reached."""
    return [
        TrialRecord(
            Assignment(f"{sample}.{seed}", sample, role, seed, {"L": L}),
            result(**{"cost_to_tenth": cost, "wall_to_tenth_s": cost and cost / 100, **fields}),
        )
        for seed, cost in enumerate(costs)
    ]


def sample(costs: list[float | None], **fields: Any) -> Sample:
    return Sample(tuple(seeds("a", costs, **fields)))


@settings(deadline=None, derandomize=True)
@given(COSTS)
def test_mean_and_standard_error(costs: list[float]) -> None:
    found = Estimate.of(costs)
    assert found.mean == pytest.approx(sum(costs) / len(costs))
    assert found.error == pytest.approx(float(stats.sem(costs)), abs=1e-6)
    assert not found.at_least


def test_seeds_are_in_order_whichever_started_first() -> None:
    started = seeds("a", [1.0, 2.0, 3.0])
    (found,) = samples_of([started[2], started[0], started[1]])
    assert list(found.records) == started


def test_one_seed_has_no_error() -> None:
    assert sample([100.0]).cost_to_tenth == Estimate(100.0)


@settings(deadline=None, derandomize=True)
@given(COSTS, st.floats(1.0, 1e6))
def test_a_seed_that_was_stopped_makes_the_mean_a_lower_bound(
    costs: list[float], stopped_at: float
) -> None:
    found = sample([*costs, None], cost=stopped_at).cost_to_tenth
    mean = pytest.approx((sum(costs) + stopped_at) / (len(costs) + 1))
    assert (found.mean, found.error, found.at_least) == (mean, None, True)


@settings(deadline=None, derandomize=True)
@given(COSTS, COSTS)
def test_the_noise_is_judged_by_welchs_test(first: list[float], second: list[float]) -> None:
    found = difference_in_cost(sample([*first]), sample([*second]))
    logs = [[math.log(cost) for cost in costs] for costs in (first, second)]
    reference = stats.ttest_ind(logs[1], logs[0], equal_var=False)
    interval = reference.confidence_interval(0.95)
    assert found.ratio is not None
    assert found.low is not None
    assert math.log(found.ratio) == pytest.approx(
        sum(logs[1]) / len(second) - sum(logs[0]) / len(first), abs=1e-9
    )
    assert math.log(found.low) == pytest.approx(interval.low, rel=1e-6, abs=1e-6)
    if abs(reference.pvalue - 0.05) > 1e-9:
        assert found.exceeds_noise == (reference.pvalue < 0.05)


def test_seeds_that_all_agree_leave_no_noise() -> None:
    assert difference_in_cost(sample([100.0] * 2), sample([101.0] * 3)).exceeds_noise
    assert not difference_in_cost(sample([100.0] * 2), sample([100.0] * 3)).exceeds_noise


def test_seconds_are_judged_as_costs_are() -> None:
    """Here every trial takes a hundredth of its cost in seconds."""
    samples = sample([100.0, 110.0]), sample([1000.0, 900.0])
    cost, seconds = difference_in_cost(*samples), difference_in_seconds(*samples)
    assert seconds.exceeds_noise
    assert (seconds.ratio, seconds.low) == pytest.approx((cost.ratio, cost.low))


def test_what_the_noise_cannot_be_told_of() -> None:
    alone = difference_in_cost(sample([100.0]), sample([800.0]))
    assert alone.ratio == pytest.approx(8)
    assert alone.exceeds_noise is None
    assert "one seed" in (alone.unknown or "")
    missed = difference_in_cost(sample([100.0, None]), sample([800.0, 700.0]))
    assert missed.ratio is None
    assert "every seed" in (missed.unknown or "")
    bound = difference_in_cost(sample([100.0, 110.0]), sample([None, 800.0], cost=900.0))
    assert bound.at_least
    assert bound.exceeds_noise


def test_samples_are_compared_by_their_means() -> None:
    lucky, steady = seeds("lucky", [10.0, 900.0]), seeds("steady", [100.0, 120.0])
    half = seeds("half", [5.0, None])
    default = seeds("default", [800.0, 900.0], L=0, role="default")
    records = [*lucky, *half, *steady, *default]
    compared = compare_samples(records)
    assert compared.best
    assert compared.best.name == "steady"
    assert compared.worst
    assert compared.worst.name == "half"
    assert compared.plain
    assert compared.plain.cost_to_tenth == Estimate(850.0, pytest.approx(50.0))
    trials = compare(records)
    assert (trials.best, trials.worst) == (steady[0], half[1])


def test_a_sample_counts_once_all_its_started_seeds_have_ended_well() -> None:
    running = seeds("running", [1.0, 2.0])
    running[1].result = None
    broken = [*seeds("broken", [1.0]), *seeds("broken", [2.0], status="failed")]
    whole = seeds("whole", [500.0, 600.0])
    assert [each.name for each in samples_of([*running, *broken, *whole])] == ["whole"]


def test_weights_of_a_sample_are_kept_until_its_last_seed_has_ended() -> None:
    best, other = seeds("best", [10.0, 20.0]), seeds("other", [500.0, 600.0])
    worst, next_one = seeds("worst", [700.0, 800.0]), seeds("next", [900.0])
    kept = Standings([*best, *other, *worst, *next_one], seeds=2).kept()
    assert kept == {"best.0", "worst.1", "next.0"}
    pruned = seeds("next", [None], status="stopped", stop_reason="pruned")
    kept = Standings([*best, *other, *worst, *pruned], seeds=2).kept()
    assert kept == {"best.0", "next.0"}


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=12))
def test_no_sample_of_the_pareto_front_is_beaten(points: list[tuple[int, int]]) -> None:
    records = [
        record
        for number, (cost, mse) in enumerate(points)
        for record in seeds(f"t{number}", [float(cost)], final_mse=mse / 10)
    ]
    front = pareto_front(records)
    costs = [(each.cost_to_tenth.mean, each.final_mse.mean) for each in front]
    assert costs == sorted(costs)
    chosen = {(round(cost), round(mse * 10)) for cost, mse in costs}
    beaten = {p for p in points for q in points if q != p and q[0] <= p[0] and q[1] <= p[1]}
    assert chosen == set(points) - beaten
