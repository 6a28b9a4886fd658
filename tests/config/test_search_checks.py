"""The settings of a search: what excludes what, and what a sampler can learn."""

from __future__ import annotations

import pytest

from msann_sweep.config import describe, load_search_space
from tests.config.files import SMALL, Write, only, problems

TWO = "search.objectives=[cost, final_mse]"
TO_THE_END = ("stopping.on_target=continue", "stopping.race_factor=null")


@pytest.mark.parametrize(
    ("override", "path", "allowed"),
    [
        ("search.sampler=gps", "search.sampler", "tpe, random, gp, cma_es, nsga2"),
        ("search.pruner=hyperband", "search.pruner", "none, asha, median"),
        ("search.objectives=[]", "search.objectives", "a list of values"),
        ("search.objectives=[final_mse]", "search.objectives", "[cost], [cost, final_mse]"),
        ("search.objectives=[cost, cost]", "search.objectives", "[cost], [cost, final_mse]"),
        ("search.objectives=[time]", "search.objectives[0]", "cost, final_mse"),
        ("search.storage=", "search.storage", None),
        ("stopping.patience=0", "stopping.patience", "null or a whole number >= 1"),
        ("stopping.sweep_budget_s=0", "stopping.sweep_budget_s", "null or a number > 0"),
        ("stopping.sweep_budget_cost=-1", "stopping.sweep_budget_cost", "null or a number > 0"),
    ],
)
def test_single_settings(write: Write, override: str, path: str, allowed: str | None) -> None:
    if allowed is None:
        assert load_search_space(write(SMALL), [override]).search.storage is None
        return
    problem = only(write(SMALL), override)
    assert problem.where == f"--set {path}"
    assert allowed in problem.allowed


def test_two_objectives_need_every_trial_to_go_on_to_its_budget(write: Write) -> None:
    found = problems(write(SMALL), TWO, "search.pruner=asha", "search.sampler=cma_es")
    wheres = {each.where.split(": ")[-1] for each in found}
    assert {"--set search.sampler", "--set search.pruner"} < wheres
    assert {each.allowed[:8] for each in found} >= {"continue", "null wit"}
    config = load_search_space(write(SMALL), [TWO, *TO_THE_END, "search.sampler=nsga2"])
    assert config.search.objectives == ("cost", "final_mse")


def test_a_grid_learns_from_no_earlier_sweep(write: Write) -> None:
    grid = ("search.grid=true", "space.learning_rate=0.1")
    problem = only(write(SMALL), *grid, "search.warm_start=earlier")
    assert problem.where == "--set search.warm_start"


def test_cma_es_needs_two_ranges_that_are_part_of_every_sample(write: Write) -> None:
    load_search_space(write(SMALL), ["search.sampler=cma_es"])
    problem = only(write(SMALL), "search.sampler=cma_es", "space.L=2")
    assert problem.where == "--set search.sampler"
    assert "2 or more numeric ranges" in problem.allowed
    assert "learning_rate" in problem.allowed
    conditional = "space.k={int: [1, 9]}"
    only(write(SMALL), "search.sampler=cma_es", "space.L={choice: [0, 1]}", conditional)
    load_search_space(write(SMALL), ["search.sampler=cma_es", "space.L=2", conditional])


def test_gp_needs_one_hyperparameter_that_is_part_of_every_sample(write: Write) -> None:
    constant = ("space.learning_rate=0.1", "space.L=0")
    assert "1 or more" in only(write(SMALL), "search.sampler=gp", *constant).allowed
    load_search_space(write(SMALL), ["search.sampler=gp", "space.learning_rate=0.1"])


def test_check_says_what_a_sampler_does_not_learn(write: Write) -> None:
    config = load_search_space(write(SMALL), ["search.sampler=gp"])
    random, stopped = describe(config).notes
    assert "gp draws these at random" in random
    assert random.endswith("gamma, prolongation")
    assert "stopping.race_factor: null" in stopped
    always = load_search_space(
        write(SMALL), ["search.sampler=gp", "space.L={int: [1, 3]}", "stopping.race_factor=null"]
    )
    assert describe(always).notes == ()


def test_check_says_what_may_end_a_sweep_early(write: Write) -> None:
    budgets = ("stopping.sweep_budget_s=3600", "stopping.sweep_budget_cost=5000")
    found = describe(load_search_space(write(SMALL), [*budgets, "stopping.patience=10"]))
    assert found.max_cost == 5000
    assert "ends early: after 3,600 s (stopping.sweep_budget_s)" in str(found)
    assert "ends early: 10 samples after the best one (stopping.patience)" in str(found)


def test_what_the_space_contains(write: Write) -> None:
    space = load_search_space(write(SMALL)).space
    assert space.contains({"L": 0, "learning_rate": 1e-3})
    assert space.contains({"L": 1, "gamma": 2, "prolongation": "path", "learning_rate": 1e-4})
    assert not space.contains({"L": 0, "gamma": 2, "learning_rate": 1e-3})
    assert not space.contains({"L": 1, "gamma": 2, "learning_rate": 1e-3})
    assert not space.contains({"L": 0, "learning_rate": 1.0})
    assert not space.contains({"L": 4, "gamma": 1, "prolongation": "path", "learning_rate": 1e-3})
