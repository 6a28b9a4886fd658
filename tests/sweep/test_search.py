"""The searcher over a real Optuna study: conditionals, start points, resumption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from msann_sweep.config import SweepConfig, load_search_space
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.search import SampleSource, SweepSearcher
from msann_sweep.training import TrialResult
from tests.sweep.test_objective_and_summary import result

SPACE = """
task: {kind: one_object, n: 6}
space:
  L: {int: [0, 3]}
  gamma: {choice: [1, 2]}
  k: {int: [1, 8], log: true}
  prolongation: {choice: [path, random]}
  coarse_step: {choice: [exact, galerkin], when: {prolongation: [path]}}
  learning_rate: {float: [1.0e-3, 1.0e-1], log: true}
search:
  trials: 8
  seed: 4
  baseline_rates: 2
  start_points: [{L: 2, gamma: 2, prolongation: path}]
"""


def load(tmp_path: Path, *overrides: str) -> SweepConfig:
    file = tmp_path / "space.yaml"
    file.write_text(SPACE)
    return load_search_space(file, overrides)


class Sweep:
    """What Tune does, without training: suggestions in order, results told by the recorder."""

    def __init__(
        self, config: SweepConfig, study: Path, ended: dict[str, TrialResult] | None = None
    ) -> None:
        self.source = SampleSource(config, study)
        self.searcher = SweepSearcher(config, self.source, ended or {})
        self.results = dict(ended or {})

    def next(self) -> Assignment | None:
        config = self.searcher.suggest("tune's id")
        return None if isinstance(config, str) else Assignment(**config)

    def end(self, assignment: Assignment, **fields: Any) -> None:
        cost = 1000.0 * assignment.params["learning_rate"] + assignment.params["L"]
        self.results[assignment.id] = result(**{"cost_to_tenth": cost, **fields})
        self.searcher.record_result(assignment, self.results[assignment.id])

    def run(self, at_most: int = 1000) -> list[Assignment]:
        ended: list[Assignment] = []
        while len(ended) < at_most and (assignment := self.next()):
            self.end(assignment)
            ended.append(assignment)
        return ended


def test_baselines_come_first_then_the_start_point(tmp_path: Path) -> None:
    assignments = Sweep(load(tmp_path), tmp_path / "study").run()
    assert [each.id for each in assignments[:4]] == ["default", "tuned-1", "tuned-2", "t0000"]
    assert assignments[0].params == {"L": 0, "learning_rate": 5e-4}
    assert [each.params["learning_rate"] for each in assignments[1:3]] == [1e-3, 1e-1]
    assert {"L": 2, "gamma": 2, "prolongation": "path"}.items() <= assignments[3].params.items()
    assert len(assignments) == 3 + 8


def test_samples_hold_only_what_is_active(tmp_path: Path) -> None:
    config = load(tmp_path, "search.trials=30", "search.sampler=random")
    samples = Sweep(config, tmp_path / "study").run()[3:]
    for sample in samples:
        params = sample.params
        assert ("gamma" in params) == (params["L"] > 0)
        assert ("coarse_step" in params) == (params.get("prolongation") == "path")
        config.trial(params)
    assert {sample.params["L"] for sample in samples} == {0, 1, 2, 3}


def test_a_seed_gives_the_same_samples(tmp_path: Path) -> None:
    runs = [Sweep(load(tmp_path), tmp_path / name).run() for name in ("a", "b")]
    assert runs[0] == runs[1]
    other = Sweep(load(tmp_path, "search.seed=5"), tmp_path / "c").run()
    assert [each.params for each in other] != [each.params for each in runs[0]]


@pytest.mark.parametrize("cut_after", [0, 2, 4, 7])
def test_a_sweep_cut_off_goes_on_as_though_it_had_not_been(tmp_path: Path, cut_after: int) -> None:
    config = load(tmp_path)
    undisturbed = Sweep(config, tmp_path / "undisturbed").run()
    first = Sweep(config, tmp_path / "study")
    before = first.run(at_most=cut_after)
    running = first.next()
    second = Sweep(config, tmp_path / "study", first.results)
    after = second.run()
    assert running == after[0]
    assert before + after == undisturbed
    assert second.source.study is not None
    assert len(second.source.study.trials) == 8


def test_results_reach_the_study_once(tmp_path: Path) -> None:
    sweep = Sweep(load(tmp_path, "search.baselines=false"), tmp_path / "study")
    first, second, third = (sweep.next() for _ in range(3))
    assert first
    assert second
    assert third
    sweep.end(first, cost_to_tenth=100.0)
    sweep.end(first, cost_to_tenth=999.0)
    sweep.end(second, cost_to_tenth=None, status="stopped", stop_reason="race")
    sweep.end(third, cost_to_tenth=None)
    assert sweep.source.study is not None
    trials = sweep.source.study.trials
    assert [trial.state.name for trial in trials] == ["COMPLETE", "PRUNED", "COMPLETE"]
    assert trials[0].value == pytest.approx(2.0)
    assert trials[1].intermediate_values[0] > 3.0
    assert trials[2].value is not None
    assert trials[2].value > 3.0


def test_a_result_recorded_but_not_told_is_told_on_resumption(tmp_path: Path) -> None:
    config = load(tmp_path, "search.baselines=false")
    first = Sweep(config, tmp_path / "study")
    assignment = first.next()
    assert assignment
    second = Sweep(config, tmp_path / "study", {assignment.id: result(cost_to_tenth=10.0)})
    upcoming = second.next()
    assert upcoming
    assert upcoming.id == "t0001"
    assert second.source.study is not None
    assert second.source.study.trials[0].value == pytest.approx(1.0)


def test_seeds_of_a_sample_are_told_as_their_mean(tmp_path: Path) -> None:
    config = load(tmp_path, "search.baselines=false", "search.seeds=2", "search.trials=1")
    sweep = Sweep(config, tmp_path / "study")
    first, second = sweep.next(), sweep.next()
    assert first
    assert second
    assert (first.id, second.id) == ("t0000.4", "t0000.5")
    assert (first.params, first.seed, second.seed) == (second.params, 4, 5)
    assert sweep.source.study is not None
    sweep.end(first, cost_to_tenth=10.0)
    assert sweep.source.study.trials[0].state == optuna.trial.TrialState.RUNNING
    sweep.end(second, cost_to_tenth=1000.0)
    assert sweep.source.study.trials[0].value == pytest.approx(2.0)
    assert sweep.next() is None


def test_the_exhaustive_grid_asks_no_study(tmp_path: Path) -> None:
    config = load(
        tmp_path, "search.grid=true", "space.learning_rate=0.01", "space.k={choice: [1, 2]}",
        "search.start_points=[]", "search.baselines=false",
    )  # fmt: skip
    samples = Sweep(config, tmp_path / "study").run()
    assert len(samples) == config.space.size() == 1 + 3 * 2 * 2 * (2 + 1)
    assert len({str(sample.params) for sample in samples}) == len(samples)
    assert not (tmp_path / "study").exists()
