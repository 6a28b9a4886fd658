"""The searcher over a real Optuna study: conditionals, start points, resumption, samplers."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.study_storage import open_stored
from tests.sweep.sweeps import Sweep, load
from tests.sweep.test_objective_and_summary import result

TWO_OBJECTIVES = (
    "search.objectives=[cost, final_mse]",
    "stopping.on_target=continue",
    "stopping.race_factor=null",
)
SAMPLERS = {"tpe": 24, "random": 24, "gp": 12, "cma_es": 24, "nsga2": 28}
"""Trials until each of them has begun to learn."""
GP = pytest.param("gp", marks=pytest.mark.slow)
EACH = [GP if name == "gp" else name for name in SAMPLERS]


def test_baselines_come_first_then_the_start_point(tmp_path: Path) -> None:
    assignments = Sweep(load(tmp_path), tmp_path / "study").run()
    assert [each.id for each in assignments[:4]] == ["default", "tuned-1", "tuned-2", "t0000"]
    assert assignments[0].params == {"L": 0, "learning_rate": 5e-4}
    assert [each.params["learning_rate"] for each in assignments[1:3]] == [1e-3, 1e-1]
    assert {"L": 2, "gamma": 2, "prolongation": "path"}.items() <= assignments[3].params.items()
    assert len(assignments) == 3 + 8


@pytest.mark.parametrize("sampler", EACH)
def test_samples_hold_only_what_is_active(tmp_path: Path, sampler: str) -> None:
    config = load(tmp_path, f"search.trials={SAMPLERS[sampler]}", f"search.sampler={sampler}")
    samples = Sweep(config, tmp_path / "study").run()[3:]
    for sample in samples:
        assert config.space.contains(sample.params)
        config.trial(sample.params)
    assert {0, 1} < {sample.params["L"] for sample in samples}


@pytest.mark.parametrize("sampler", EACH)
def test_a_seed_gives_the_same_samples(tmp_path: Path, sampler: str) -> None:
    chosen = (f"search.sampler={sampler}", f"search.trials={SAMPLERS[sampler]}")
    runs = [Sweep(load(tmp_path, *chosen), tmp_path / name).run() for name in ("a", "b")]
    assert runs[0] == runs[1]
    other = Sweep(
        load(tmp_path, "search.seed=5", "search.trials=8", *chosen[:1]), tmp_path / "c"
    ).run()
    assert [each.params for each in other] != [each.params for each in runs[0][:11]]


@pytest.mark.parametrize(
    ("sampler", "cut_after"),
    [
        ("tpe", 0),
        ("tpe", 2),
        ("tpe", 4),
        ("tpe", 26),
        ("random", 26),
        ("cma_es", 26),
        ("nsga2", 30),
        pytest.param("gp", 14, marks=pytest.mark.slow),
    ],
)
def test_a_sweep_cut_off_goes_on_as_though_it_had_not_been(
    tmp_path: Path, sampler: str, cut_after: int
) -> None:
    trials = SAMPLERS[sampler]
    config = load(tmp_path, f"search.trials={trials}", f"search.sampler={sampler}")
    undisturbed = Sweep(config, tmp_path / "undisturbed").run()
    first = Sweep(config, tmp_path / "study")
    before = first.run(at_most=cut_after)
    running = first.next()
    second = Sweep(config, tmp_path / "study", first.records)
    after = second.run()
    assert running == after[0]
    assert before + after == undisturbed
    assert len(second.stored.trials()) == trials


@pytest.mark.parametrize("sampler", ["tpe", GP, "nsga2"])
def test_two_objectives(tmp_path: Path, sampler: str) -> None:
    config = load(tmp_path, *TWO_OBJECTIVES, f"search.sampler={sampler}", "search.trials=12")
    sweep = Sweep(config, tmp_path / "study")
    for number, assignment in enumerate(iter(sweep.next, None)):
        assert assignment
        sweep.end(assignment, final_mse=0.1 / (1 + number % 3))
    trials = sweep.stored.trials()
    assert {trial.state.name for trial in trials} == {"COMPLETE"}
    assert trials[0].values[1] in [pytest.approx(value) for value in (-1, -1.30103, -1.47712)]
    assert len(sweep.stored.study.best_trials) >= 1


def test_cma_es_learns_a_conditional_spaces_ranges(tmp_path: Path) -> None:
    config = load(tmp_path, "search.sampler=cma_es", "search.trials=40", "search.baselines=false")
    sweep = Sweep(config, tmp_path / "study")
    rates = [assignment.params["learning_rate"] for assignment in sweep.run()]
    drawn = [trial for trial in sweep.stored.trials() if "cma:generation" in trial.system_attrs]
    assert len(drawn) == 39
    assert sum(rates[-10:]) < sum(rates[1:11]) / 2


def test_results_reach_the_study_once(tmp_path: Path) -> None:
    sweep = Sweep(load(tmp_path, "search.baselines=false"), tmp_path / "study")
    for fields in (
        {"cost_to_tenth": 100.0},
        {"cost_to_tenth": None, "status": "stopped", "stop_reason": "race"},
        {"cost_to_tenth": None},
        {"cost_to_tenth": None, "status": "failed", "stop_reason": "non_finite"},
    ):
        assignment = sweep.next()
        assert assignment
        sweep.end(assignment, **fields)
        sweep.end(assignment, cost_to_tenth=999.0)
    trials = sweep.stored.trials()
    states = [trial.state.name for trial in trials]
    assert states == ["COMPLETE", "PRUNED", "COMPLETE", "FAIL"]
    assert trials[0].value == pytest.approx(2.0)
    assert trials[0].user_attrs["cost"] == 100.0
    assert trials[0].user_attrs["mse"] == 0.5
    assert trials[0].user_attrs["role"] == "sample"
    # Cost 1,000 with five times the target's MSE left: 1,000 · 5².
    assert trials[1].value == trials[2].value == pytest.approx(3 + 2 * 0.69897)
    assert "cost" not in trials[1].user_attrs


def test_a_result_recorded_but_not_told_is_told_on_resumption(tmp_path: Path) -> None:
    config = load(tmp_path, "search.baselines=false")
    first = Sweep(config, tmp_path / "study")
    assignment = first.next()
    assert assignment
    ended = TrialRecord(assignment, result(cost_to_tenth=10.0))
    second = Sweep(config, tmp_path / "study", {assignment.id: ended})
    upcoming = second.next()
    assert upcoming
    assert upcoming.id == "t0001"
    assert second.stored.trials()[0].value == pytest.approx(1.0)


def test_a_sample_that_the_study_has_lost_is_learnt_from_the_record(tmp_path: Path) -> None:
    config = load(tmp_path)
    undisturbed = Sweep(config, tmp_path / "undisturbed").run()
    first = Sweep(config, tmp_path / "study")
    before = first.run(at_most=6)
    second = Sweep(config, tmp_path / "another study", first.records)
    assert before + second.run() == undisturbed
    stored = second.stored.trials()
    assert [trial.user_attrs["sample"] for trial in stored] == [f"t000{n}" for n in range(8)]
    assert {trial.state.name for trial in stored} == {"COMPLETE"}


def test_seeds_of_a_sample_are_told_as_their_mean(tmp_path: Path) -> None:
    config = load(tmp_path, "search.baselines=false", "search.seeds=2", "search.trials=1")
    sweep = Sweep(config, tmp_path / "study")
    first, second = sweep.next(), sweep.next()
    assert first
    assert second
    assert (first.id, second.id) == ("t0000.4", "t0000.5")
    assert (first.params, first.seed, second.seed) == (second.params, 4, 5)
    sweep.end(first, cost_to_tenth=10.0)
    assert sweep.stored.trials()[0].state == optuna.trial.TrialState.RUNNING
    sweep.end(second, cost_to_tenth=1000.0)
    assert sweep.stored.trials()[0].value == pytest.approx(2.0)
    assert sweep.next() is None


def test_a_pruned_sample_gives_up_all_its_seeds(tmp_path: Path) -> None:
    config = load(tmp_path, "search.baselines=false", "search.seeds=3", "search.trials=2")
    sweep = Sweep(config, tmp_path / "study")
    first = sweep.next()
    assert first
    sweep.end(first, cost_to_tenth=None, status="stopped", stop_reason="pruned")
    upcoming = sweep.next()
    assert upcoming
    assert upcoming.id == "t0001.4"
    resumed = Sweep(config, tmp_path / "study", sweep.records)
    again = resumed.next()
    assert again == upcoming
    assert resumed.stored.trials()[0].state == optuna.trial.TrialState.PRUNED


def test_the_exhaustive_grid_is_tried_in_order(tmp_path: Path) -> None:
    config = load(
        tmp_path, "search.grid=true", "space.learning_rate=0.01", "space.k={choice: [1, 2]}",
        "search.start_points=[]", "search.baselines=false",
    )  # fmt: skip
    first = Sweep(config, tmp_path / "study")
    before = first.run(at_most=10)
    samples = before + Sweep(config, tmp_path / "study", first.records).run()
    assert [sample.params for sample in samples] == list(config.space.grid())
    assert len(samples) == config.space.size() == 1 + 3 * 2 * 2 * (2 + 1)
    stored = open_stored(config, tmp_path / "study", config.name).trials()
    assert len(stored) == len(samples)
