"""The recursive cycle and the cost it adds up to, counted by hand."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msann_sweep.training.cost import CostMeter, parameter_count
from msann_sweep.training.schedule import cycle_schedule, training_schedule


@pytest.mark.parametrize(
    ("gamma", "L", "visits"),
    [
        (1, 0, [0]),
        (0, 3, [0]),
        (1, 1, [0, 1, 0]),
        (1, 2, [0, 1, 2, 1, 0]),
        (2, 1, [0, 1, 0, 1, 0]),
        (2, 2, [0, 1, 2, 1, 2, 1, 0, 1, 2, 1, 2, 1, 0]),
        (3, 1, [0, 1, 0, 1, 0, 1, 0]),
    ],
)
def test_cycles_counted_by_hand(gamma: int, L: int, visits: list[int]) -> None:
    assert cycle_schedule(gamma, L) == visits


def algorithm_3_1(level: int, gamma: int, L: int, visits: list[int]) -> None:
    """The paper's pseudocode, word for word."""
    visits.append(level)
    if level < L:
        for _ in range(gamma):
            algorithm_3_1(level + 1, gamma, L, visits)
            visits.append(level)


@given(st.integers(0, 4), st.integers(0, 5))
def test_cycle_is_algorithm_3_1(gamma: int, L: int) -> None:
    visits: list[int] = []
    algorithm_3_1(0, gamma, L, visits)
    assert cycle_schedule(gamma, L) == visits
    assert all(abs(a - b) == 1 for a, b in pairwise(visits))


@pytest.mark.parametrize(("gamma", "L"), [(-1, 2), (1, -1)])
def test_cycle_rejects_negative_arguments(gamma: int, L: int) -> None:
    with pytest.raises(ValueError, match=f"gamma={gamma}, L={L}"):
        cycle_schedule(gamma, L)


def test_training_starts_with_the_cascade_and_repeats_the_cycle() -> None:
    schedule = training_schedule(gamma=1, L=2, k=4, cascade=7)
    cycle = [(level, 4) for level in (0, 1, 2, 1, 0)]
    assert list(islice(schedule, 12)) == [(2, 7), (1, 7), *cycle, *cycle]
    assert next(training_schedule(gamma=1, L=2, k=4, cascade=0)) == (0, 4)
    assert next(training_schedule(gamma=1, L=0, k=4, cascade=7)) == (0, 4)


def test_parameters_of_the_papers_network() -> None:
    weights = 1024 * 256 + 256 * 128 + 128 * 256 + 256 * 1024
    assert parameter_count([1024, 256, 128, 256, 1024]) == weights + 256 + 128 + 256 + 1024


def test_cost_counted_by_hand() -> None:
    meter = CostMeter([(4, 2, 4), (2, 1, 2)], batch_size=5)
    assert meter.parameters == [4 * 2 + 2 + 2 * 4 + 4, 2 * 1 + 1 + 1 * 2 + 2]
    for level in (0, 1, 1):
        meter.count(level)
    assert meter.steps_per_level == [1, 2]
    assert meter.cost == 5 * (22 + 7 + 7) / 22
