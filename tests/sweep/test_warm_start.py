"""Learning from an earlier sweep's recorded samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from msann_sweep.config import SweepConfig
from msann_sweep.errors import StorageError
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.record import SweepDirectory, SweepState
from msann_sweep.sweep.steering import Steering, check_search
from tests.sweep.sweeps import Sweep, load
from tests.sweep.test_objective_and_summary import result

WARM = "search.warm_start=earlier"
NO_POINTS = "search.start_points=[]"


def recorded(tmp_path: Path, samples: list[dict[str, Any]], *overrides: str) -> SweepConfig:
    """An earlier sweep in which these samples have ended, one of them stopped."""
    config = load(tmp_path, "name=earlier", *overrides)
    state = SweepState(name="earlier", status="finished", created="2026-01-01T00:00:00+00:00")
    directory = SweepDirectory.create(config, state)
    directory.write_state(state)
    for number, params in enumerate(samples):
        assignment = Assignment(f"t{number:04d}", f"t{number:04d}", "sample", 4, params)
        directory.started(assignment)
        lost = {"status": "stopped", "stop_reason": "race"} if number == 1 else {}
        cost = None if lost else 10.0 * (1 + number)
        ended = result(params=params, cost_to_tenth=cost, **lost)
        directory.ended(assignment.id, ended)
    return config


def plain(*rates: float) -> list[dict[str, Any]]:
    return [{"L": 0, "learning_rate": rate} for rate in rates]


def steering(config: SweepConfig, directory: SweepDirectory) -> Steering:
    return Steering.of(config, directory, config.name, lambda: 0.0)


def new_sweep(config: SweepConfig) -> SweepDirectory:
    state = SweepState(name=config.name, status="running", created="2026-01-02T00:00:00+00:00")
    return SweepDirectory.create(config, state)


def test_the_samples_of_this_space_are_learnt_from_once(tmp_path: Path) -> None:
    recorded(tmp_path, plain(0.01, 0.02, 0.5))
    config = load(tmp_path, WARM, "name=later")
    check_search(config)
    directory = new_sweep(config)
    first = steering(config, directory)
    trials = first.stored.trials()
    assert [trial.user_attrs["sample"] for trial in trials] == ["earlier/t0000", "earlier/t0001"]
    assert [trial.state.name for trial in trials] == ["COMPLETE", "PRUNED"]
    assert trials[0].value == pytest.approx(1.0)
    assert trials[0].params == {"L": 0, "learning_rate": 0.01}
    assert first.close() == "the sampler began with 2 samples of an earlier sweep"
    again = steering(config, directory)
    assert len(again.stored.trials()) == 2
    assert again.searcher.suggest("tune's id") != "FINISHED"


def test_a_study_that_was_lost_learns_again_if_it_can(tmp_path: Path) -> None:
    recorded(tmp_path, plain(0.01, 0.02, 0.5))
    config = load(tmp_path, WARM, "name=later", "search.baselines=false")
    directory = new_sweep(config)
    asked = steering(config, directory).searcher.suggest("tune's id")
    assert isinstance(asked, dict)
    directory.started(Assignment(**asked))
    directory.study_file.unlink()
    again = steering(config, directory)
    assert len(again.stored.trials()) == 2
    assert again.searcher.suggest("tune's id") == asked
    directory.study_file.unlink()
    (tmp_path / "earlier").rename(tmp_path / "gone")
    alone = steering(config, directory)
    assert alone.stored.trials() == []
    assert alone.searcher.suggest("tune's id") == asked


def test_learning_changes_what_is_asked(tmp_path: Path) -> None:
    recorded(tmp_path, plain(*(0.002 + 0.0001 * number for number in range(15))))
    settings = (NO_POINTS, "search.baselines=false", "search.trials=20", "name=later")
    warm, cold = load(tmp_path, WARM, *settings), load(tmp_path, *settings)
    directory = new_sweep(warm)
    searcher = steering(warm, directory).searcher
    asked = [searcher.suggest("tune's id") for _ in range(20)]
    rates = [each["params"]["learning_rate"] for each in asked if isinstance(each, dict)]
    ended = Sweep(cold, tmp_path / "study").run()
    assert rates != [assignment.params["learning_rate"] for assignment in ended]
    assert len(rates) == 20


@pytest.mark.parametrize(
    "sampler", [pytest.param("gp", marks=pytest.mark.slow), "cma_es", "nsga2", "random"]
)
def test_every_sampler_takes_an_earlier_sweep(tmp_path: Path, sampler: str) -> None:
    recorded(tmp_path, plain(*(0.002 + 0.001 * number for number in range(13))))
    config = load(tmp_path, WARM, "name=later", f"search.sampler={sampler}", "search.trials=2")
    sweep = steering(config, new_sweep(config)).searcher
    asked = [sweep.suggest("tune's id") for _ in range(5)]
    assert all(isinstance(each, dict) for each in asked)
    assert sweep.suggest("tune's id") == "FINISHED"


def test_a_sample_may_be_written_differently_there(tmp_path: Path) -> None:
    """What the earlier space sampled may be a constant of this one, as long as it trains alike."""
    recorded(tmp_path, plain(0.01, 0.02), "space.batch_size={choice: [64, 128]}")
    config = load(tmp_path, WARM, "name=later", "training.batch_size=128")
    assert len(steering(config, new_sweep(config)).stored.trials()) == 2


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("search.warm_start=nothing",), "'nothing': no such sweep; known"),
        (("task.n=7",), "'earlier' differs in task"),
        (("stopping.target=0.2",), "'earlier' differs in stopping.target"),
        (("network.layers=[64, 8, 64]",), "'earlier' differs in network"),
        (("training.optimizer=adam",), "none of the 2 ended samples of 'earlier' could"),
        (("space.learning_rate={float: [0.05, 0.1]}", NO_POINTS), "none of the 2 ended samples"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(
    tmp_path: Path, overrides: tuple[str, ...], message: str
) -> None:
    recorded(tmp_path, plain(0.01, 0.02))
    with pytest.raises(StorageError, match=r"search\.warm_start") as caught:
        check_search(load(tmp_path, WARM, "name=later", *overrides))
    assert message in str(caught.value)
    assert not (tmp_path / "later").exists()
