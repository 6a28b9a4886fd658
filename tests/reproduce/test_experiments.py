"""The sweeps behind the paper's tables: protocol, grid, and what the small ones leave out."""

from __future__ import annotations

from pathlib import Path

import pytest

from msann_sweep.config import ConfigError, SweepConfig, describe, load_search_space
from msann_sweep.reproduce.experiments import (
    EXPERIMENTS,
    MNIST,
    NEEDED,
    ONE_OBJECT,
    STRATEGIES,
    TWO_OBJECT,
)
from msann_sweep.reproduce.tables import TABLES


def points_of(config: SweepConfig) -> list[dict[str, object]]:
    """What a sweep tries: all of its grid, or as many start points as it has trials."""
    if config.search.grid:
        return list(config.space.grid())
    assert config.search.trials == len(config.search.start_points)
    return list(config.search.start_points)


GRID = Path(__file__).parents[2] / "search_spaces" / "paper_grid.yaml"


def test_the_paper_budget_is_the_whole_grid() -> None:
    # γ in 0 to 3, L in 0 to 6 and eight k: 224 points a table, 672 of three tables. The 32 at
    # L = 0 are one trial, the default, and Table 3 has two P.
    points = {"one_object": 1, "two_object": 1, "mnist": 2}
    assert sum(4 * 7 * 8 for _ in points) == 672
    for name, parts in points.items():
        sweep = describe(EXPERIMENTS[name].config("paper", "runs"))
        assert sweep.trials == 1 + parts * (4 * 7 * 8 - 4 * 8)


def test_the_protocol_is_that_of_the_search_space_for_users() -> None:
    ours, theirs = MNIST.config("paper", "runs"), load_search_space(GRID)
    for section in ("task", "network", "training", "stopping"):
        assert getattr(ours, section) == getattr(theirs, section)
    assert {point["L"] for point in theirs.space.grid()} == {*range(7)}
    multilevel = [point for point in theirs.space.grid() if point["L"]]
    assert sorted(map(repr, map(sorted, (point.items() for point in multilevel)))) == sorted(
        map(repr, map(sorted, (point.items() for point in ours.space.grid())))
    )


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=str)
def test_a_small_sweep_is_a_part_of_the_whole(experiment: object) -> None:
    assert experiment in (ONE_OBJECT, TWO_OBJECT, MNIST, STRATEGIES)
    small, whole = (experiment.config(budget, "runs") for budget in ("small", "paper"))  # type: ignore[attr-defined]  # parametrized
    assert small.name != whole.name
    points = list(whole.space.grid())
    for tried in points_of(small):
        assert any(tried.items() <= point.items() for point in points)
    assert small.training.model_copy(update={"budget_cost": 256_000.0}) == whole.training


@pytest.mark.parametrize("name", TABLES)
def test_the_papers_best_is_among_the_small_sweeps(name: str) -> None:
    (experiment,) = NEEDED[name]
    points = points_of(experiment.config("small", "runs"))
    tried = {(point["gamma"], point["L"], point["k"], point["prolongation"]) for point in points}
    for published in TABLES[name]:
        assert (*published.cost_best_at, published.prolongation) in tried


def test_figure_7_compares_four_maps_and_simultaneous_training() -> None:
    points = list(STRATEGIES.config("small", "runs").space.grid())
    assert sorted(str(point["prolongation"]) for point in points) == [
        *("grid", "grid_shuffled", "path", "path", "random")
    ]
    assert [point.get("schedule") for point in points].count("simultaneous") == 1


def test_overrides_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"--set training\.budget"):
        ONE_OBJECT.config("small", "runs", ["training.budget=3"])
