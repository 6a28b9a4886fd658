from __future__ import annotations

import math
import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msann_sweep.config import MULTILEVEL, Choice, Constant, Entry, FloatRange, IntRange, Space

ABOVE_0 = {"when": {"L": ">0"}}


def space(**entries: Any) -> Space:
    return Space.model_validate(entries)


def chooser(seed: int) -> Any:
    rng = random.Random(seed)

    def choose(_: str, entry: Entry) -> Any:
        options = entry.options()
        return rng.choice(options) if options else rng.uniform(*entry.extremes())  # type: ignore[arg-type]  # bounds are numbers

    return choose


PAPER = space(
    L={"int": [0, 6]},
    gamma={"choice": [0, 1, 2, 3], **ABOVE_0},
    k={"choice": [1, 2, 4, 8, 16, 32, 64, 128], **ABOVE_0},
)

ENTRIES: dict[str, list[Any]] = {
    "L": [0, 2, {"int": [0, 3]}, {"choice": [0, 2]}],
    "gamma": [2, {"int": [1, 3]}, {"choice": [1, 3], "when": {"k": ">1"}}],
    "k": [1, {"choice": [1, 2, 4]}, {"choice": [1, 2], "when": {"L": ">=2"}}],
    "prolongation": ["path", {"choice": ["path", "grid", "random"], **ABOVE_0}],
    "coarse_step": [{"choice": ["exact", "galerkin"], "when": {"prolongation": ["path", "grid"]}}],
    "cascade": [{"int": [0, 50], "step": 25, "when": {"coarse_step": "galerkin"}}],
    "learning_rate": [0.1, {"float": [0.1, 0.5], "step": 0.1}],
    "batch_size": [{"choice": [16, 32], "when": {"learning_rate": "<0.25"}}],
}
SPACES = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(entries) for name, entries in ENTRIES.items()}
).map(Space.model_validate)


def test_the_papers_grid_has_one_sample_at_level_0() -> None:
    samples = list(PAPER.grid())
    assert len(samples) == PAPER.size() == 6 * 4 * 8 + 1
    assert [sample for sample in samples if sample["L"] == 0] == [{"L": 0}]
    assert {"L": 6, "gamma": 3, "k": 128} in samples
    assert samples == list(PAPER.grid())


@given(space=SPACES)
def test_grid_is_distinct_and_as_large_as_the_size(space: Space) -> None:
    samples = [tuple(sorted(sample.items())) for sample in space.grid()]
    assert len(samples) == len(set(samples)) == space.size()


@given(space=SPACES, seed=st.integers(0, 1000))
def test_every_walk_is_a_sample_of_the_grid(space: Space, seed: int) -> None:
    sample = space.walk(chooser(seed))
    assert sample in list(space.grid())
    if sample.get("L", 0) == 0:
        assert not set(sample) & set(MULTILEVEL)
    for name in sample:
        assert set(space.entries[name].when) <= set(sample)


def test_walk_asks_for_active_varying_hyperparameters_only() -> None:
    asked = []

    def choose(name: str, entry: Entry) -> Any:
        asked.append(name)
        return entry.extremes()[0]

    sample = space(
        gamma={"choice": [1, 2]},
        coarse_step={"choice": ["exact"], "when": {"prolongation": "grid"}},
        prolongation={"choice": ["path", "grid"]},
        L={"int": [2, 3]},
        k=4,
    ).walk(choose)
    assert sample == {"L": 2, "gamma": 1, "prolongation": "path", "k": 4}
    assert sorted(asked) == ["L", "gamma", "prolongation"]
    assert asked[0] == "L"


def test_nothing_multilevel_is_sampled_without_conditions_at_level_0() -> None:
    implicit = space(L=0, gamma={"int": [1, 3]}, coarse_init="zero", learning_rate=0.1)
    assert implicit.walk(chooser(0)) == {"L": 0, "learning_rate": 0.1}
    assert implicit.size() == 1


def test_a_condition_on_an_inactive_hyperparameter_is_false() -> None:
    nested = space(
        L={"choice": [0, 1]},
        cascade={"choice": [1, 2], "when": {"k": "!=7"}},
        k={"choice": [3, 5]},
    )
    assert nested.size() == 1 + 2 * 2


def test_size_of_a_large_space_needs_no_enumeration() -> None:
    large = space(
        L={"int": [0, 6]},
        k={"int": [1, 10**6]},
        gamma={"int": [0, 999]},
        batch_size={"int": [1, 10**5]},
    )
    assert large.size() == 10**5 * (1 + 6 * 10**9)


def test_continuous_spaces_have_neither_size_nor_grid() -> None:
    continuous = space(L=1, learning_rate={"float": [0.1, 0.2]})
    assert continuous.size() is None
    assert continuous.continuous() == ("learning_rate",)
    with pytest.raises(ValueError, match="learning_rate"):
        continuous.grid()


@pytest.mark.parametrize(
    ("entry", "options"),
    [
        ({"int": [1, 6], "step": 2}, (1, 3, 5)),
        ({"int": [3, 3]}, (3,)),
        ({"float": [0, 0.3], "step": 0.1}, (0.0, 0.1, 0.2, 0.3)),
        ({"float": [0.1, 0.35], "step": 0.1}, (0.1, 0.2, 0.3)),
        ({"float": [0.1, 0.2]}, None),
        ({"choice": ["b", "a"]}, ("b", "a")),
        ({"value": 3}, (3,)),
        ("path", ("path",)),
    ],
)
def test_options_of_entries(entry: Any, options: Any) -> None:
    assert space(k=entry).entries["k"].options() == options


def test_kinds_of_entries() -> None:
    entries = space(
        L={"int": [1, 8], "log": True},
        k={"choice": [1, 2]},
        gamma=1,
        learning_rate={"float": [1, 2]},
    ).entries
    assert isinstance(entries["L"], IntRange)
    assert (entries["L"].low, entries["L"].high, entries["L"].log) == (1, 8, True)
    assert isinstance(entries["k"], Choice)
    assert isinstance(entries["gamma"], Constant)
    assert isinstance(entries["learning_rate"], FloatRange)


def test_values_cover_the_entry_or_the_default() -> None:
    some = space(L={"int": [0, 3]}, learning_rate={"float": [0.1, 0.2]})
    assert some.values("L") == (0, 1, 2, 3)
    assert some.values("learning_rate") == (0.1, 0.2)
    assert some.values("prolongation") == ("path",)


def test_constants_fill_in_where_they_are_active() -> None:
    some = space(
        L=3,
        gamma=2,
        coarse_step={"value": "galerkin", "when": {"prolongation": ["path", "grid"]}},
        prolongation={"choice": ["path", "random"]},
    )
    assert some.with_constants({"prolongation": "path"}) == {
        "L": 3,
        "gamma": 2,
        "prolongation": "path",
        "coarse_step": "galerkin",
    }
    assert "coarse_step" not in some.with_constants({"prolongation": "random"})
    assert some.with_constants({"L": 0, "gamma": 1}) == {"L": 0, "gamma": 1}


@given(
    low=st.floats(1e-6, 1e-2), factor=st.floats(1.1, 1e3), n=st.integers(2, 12), log=st.booleans()
)
def test_baseline_rates_span_a_range_geometrically(
    low: float, factor: float, n: int, log: bool
) -> None:
    high = low * factor
    rates = space(learning_rate={"float": [low, high], "log": log}).baseline_rates(n)
    assert len(rates) == n
    assert rates[0] == low
    assert rates[-1] == pytest.approx(high)
    steps = [math.log(b / a) for a, b in pairwise(rates)]
    assert steps == pytest.approx([math.log(high / low) / (n - 1)] * (n - 1))


def test_baseline_rates_of_choices_and_constants() -> None:
    choice = space(learning_rate={"choice": [0.3, 0.1, 0.2, 0.4, 0.5]})
    assert choice.baseline_rates(9) == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert choice.baseline_rates(3) == [0.1, 0.3, 0.5]
    assert choice.baseline_rates(1) == [0.3]
    assert choice.baseline_rates(0) == []
    assert space(learning_rate=0.8).baseline_rates(3) == pytest.approx([0.1, 0.8, 6.4])
    assert Space().baseline_rates(2, 0.008) == pytest.approx([0.001, 0.064])
    assert Space().baseline_rates(1, 0.008) == pytest.approx([0.008])
