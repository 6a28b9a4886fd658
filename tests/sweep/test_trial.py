"""The trainable by itself: cut off, taken up again, and with a disk that fails."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from msann_sweep.config import SweepConfig, TrialConfig, load_search_space
from msann_sweep.operators import OperatorSet
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.trial import MsannTrial
from msann_sweep.training.task import trial_operators

SPACE = """
task: {kind: one_object, n: 6}
training: {optimizer: rmsprop, batch_size: 32, budget_cost: 2000}
stopping: {target: 0.01}
space: {L: {int: [0, 3]}}
"""
PARAMS = {"L": 2, "gamma": 2, "k": 2, "learning_rate": 0.01}


class Operators:
    """Operators built here, in place of the actors'."""

    def __init__(self) -> None:
        self.served = 0

    def fetch(self, trial: TrialConfig) -> OperatorSet:
        self.served += 1
        return trial_operators(trial, None)


@pytest.fixture
def sweep(tmp_path: Path) -> SweepConfig:
    file = tmp_path / "space.yaml"
    file.write_text(SPACE)
    for folder in ("weights", "checkpoints"):
        (tmp_path / folder).mkdir()
    return load_search_space(file)


def begin(sweep: SweepConfig, folder: Path, trial_id: str = "t0000") -> MsannTrial:
    """A trial as in a process of Tune's, without Tune."""
    trial = MsannTrial.__new__(MsannTrial)
    trial.setup(
        asdict(Assignment(trial_id, trial_id, "sample", 1, PARAMS)),
        sweep=sweep,
        operators=Operators(),  # type: ignore[arg-type]  # all that a trial asks of them
        data=None,
        weights_path=folder / "weights",
        checkpoints_path=folder / "checkpoints",
    )
    return trial


def rest(trial: MsannTrial) -> list[dict[str, Any]]:
    """All results to come."""
    results = [trial.step()]
    while not results[-1]["done"]:
        results.append(trial.step())
    return results


def measured(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    seconds = ("wall_s", "wall_to_tenth_s")
    return [{key: result[key] for key in result if key not in seconds} for result in results]


@pytest.mark.parametrize("steps", [1, 2, 9, 30])
def test_a_trial_cut_off_tells_everything_once_more_and_goes_on(
    sweep: SweepConfig, tmp_path: Path, steps: int
) -> None:
    whole = rest(begin(sweep, tmp_path))
    assert len(whole) > 30
    weights = torch.load(tmp_path / "weights/t0000.pt", weights_only=True)
    first = begin(sweep, tmp_path)
    told = [first.step() for _ in range(steps)]
    first.save_state()
    again = begin(sweep, tmp_path)
    results = rest(again)
    assert measured(told) == measured(whole[:steps])
    assert measured(results) == measured(whole)
    assert [result["evaluation"] for result in results] == list(range(len(whole)))
    seconds = [result["wall_s"] for result in results]
    assert seconds == sorted(seconds)
    assert seconds[steps - 1] == told[-1]["wall_s"]
    resumed = torch.load(tmp_path / "weights/t0000.pt", weights_only=True)
    assert all(torch.equal(weights[name], resumed[name]) for name in weights)


def test_weights_that_the_driver_deletes_stay_deleted(sweep: SweepConfig, tmp_path: Path) -> None:
    trial = begin(sweep, tmp_path)
    rest(trial)
    file = tmp_path / "weights/t0000.pt"
    file.unlink()
    trial.reset_config(asdict(Assignment("t0001", "t0001", "sample", 1, PARAMS)))
    assert not file.exists()
    trial.step()
    trial.cleanup()
    assert [file.name for file in (tmp_path / "weights").iterdir()] == ["t0001.pt"]


def test_a_process_that_loses_its_trial_before_a_step_leaves_nothing_of_it(
    sweep: SweepConfig, tmp_path: Path
) -> None:
    """Tune gives the trial to a process that became free while this one was being started."""
    superseded = begin(sweep, tmp_path)
    results = rest(begin(sweep, tmp_path))
    weights = (tmp_path / "weights/t0000.pt").read_bytes()
    superseded.save_state()
    superseded.cleanup()
    assert results[-1]["done"]
    assert superseded.operators.served == 0  # type: ignore[attr-defined]  # a stand-in
    assert (tmp_path / "weights/t0000.pt").read_bytes() == weights
    assert not list((tmp_path / "checkpoints").iterdir())


def test_one_that_had_ended_ends_again_the_same(sweep: SweepConfig, tmp_path: Path) -> None:
    trial = begin(sweep, tmp_path)
    whole = rest(trial)
    trial.save_state()
    assert measured(rest(begin(sweep, tmp_path))) == measured(whole)


@pytest.mark.parametrize("damage", [b"", b"garbage", b"0" * 64 + b"\ngarbage"])
def test_a_damaged_checkpoint_is_as_none(sweep: SweepConfig, tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "checkpoints/t0000.ckpt").write_bytes(damage)
    assert begin(sweep, tmp_path).step()["evaluation"] == 0
    assert not (tmp_path / "checkpoints/t0000.ckpt").exists()


def test_a_disk_that_fails_is_told_and_ends_no_trial(sweep: SweepConfig, tmp_path: Path) -> None:
    trial = begin(sweep, tmp_path)
    results = [trial.step()]
    assert trial.trainer
    trial.checkpoint.interval_s = 0.0
    trial.save_state()
    for file in (tmp_path / "checkpoints").iterdir():
        file.unlink()
    (tmp_path / "checkpoints").rmdir()
    results += rest(trial)
    assert results[0]["storage_fault"] is None
    assert results[-1]["stop_reason"] == "budget_cost"
    trial.checkpoint._due_s = 0.0
    trial._save_if_due(trial.trainer)
    assert "cannot write" in str(trial.storage_fault)
    assert begin(sweep, tmp_path).step()["evaluation"] == 0
