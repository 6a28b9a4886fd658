"""Trials that are cut off between two batches, and files that are cut off in the middle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from msann_sweep.config import OneObjectTask, SweepConfig, TrialConfig
from msann_sweep.errors import CheckpointError
from msann_sweep.training import Row, Trainer, train
from msann_sweep.training.checkpoint import CheckpointFile

CASES: list[dict[str, Any]] = [
    {"L": 0},
    {"coarse_step": "galerkin", "cascade": 7},
    {"coarse_step": "galerkin", "cascade": "auto", "optimizer": "muon"},
    {"coarse_step": "exact", "prolongation": "random", "optimizer": "adam"},
    {"coarse_step": "exact", "cascade": "auto", "optimizer": "tf1_rmsprop"},
    {"schedule": "simultaneous"},
]


class CutOffError(Exception):
    """Stands for whatever ends a process."""


def trial(params: dict[str, Any], **changes: Any) -> TrialConfig:
    sweep = SweepConfig(name="x", task=OneObjectTask(n=6))
    given = {"L": 3, "gamma": 2, "k": 3, "learning_rate": 0.01, "batch_size": 8, **params}
    budget = {"budget_cost": 2500.0, "target": 0.001, **changes}
    return sweep.trial(given, seed=3).model_copy(update=budget)


def measured(curve: list[Row]) -> list[Any]:
    """All of a curve but the seconds."""
    return [{**row, "wall_s": None} for row in curve]


def cut_off_after(config: TrialConfig, batches: int, file: Path) -> None:
    trainer = Trainer(config)
    left = batches

    def after_batch() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            CheckpointFile(file).save(trainer.state_dict())
            raise CutOffError

    with pytest.raises(CutOffError):
        for _ in trainer.rows(after_batch):
            pass


@pytest.mark.parametrize("params", CASES, ids=str)
@pytest.mark.parametrize("batches", [1, 25, 61, 150])
def test_a_trial_goes_on_bit_for_bit(params: dict[str, Any], batches: int, tmp_path: Path) -> None:
    config = trial(params)
    undisturbed = Trainer(config)
    expected = list(undisturbed.rows())
    file = tmp_path / "trial.checkpoint"
    cut_off_after(config, batches, file)
    resumed = Trainer(config)
    resumed.load_state_dict(CheckpointFile(file).load())
    for _ in resumed.rows():
        pass
    assert measured(resumed.curve) == measured(expected)
    assert torch.equal(resumed.stepper.composed(), undisturbed.stepper.composed())


def test_train_keeps_and_takes_up_its_checkpoint(tmp_path: Path) -> None:
    config, file = trial({}), tmp_path / "trial.checkpoint"
    whole = train(config)
    cut_off_after(config, 40, file)
    resumed = train(config, checkpoint=file)
    assert resumed.final_mse == whole.final_mse
    reported: list[Row] = []
    assert train(config, reported.append, file) == resumed
    assert not reported


def test_a_larger_budget_trains_on(tmp_path: Path) -> None:
    file = tmp_path / "trial.checkpoint"
    train(trial({}), checkpoint=file)
    longer = train(trial({}, budget_cost=3000.0), checkpoint=file)
    assert longer.cost >= 3000


def test_another_trials_checkpoint_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "trial.checkpoint"
    train(trial({}), checkpoint=file)
    with pytest.raises(CheckpointError, match="another trial's"):
        train(trial({"k": 4}), checkpoint=file)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "gone"])
def test_a_damaged_file_gives_way_to_the_one_before(damage: str, tmp_path: Path) -> None:
    keeper = CheckpointFile(tmp_path / "trial.checkpoint")
    keeper.save({"number": 1})
    keeper.save({"number": 2})
    content = bytearray(keeper.file.read_bytes())
    assert keeper.load() == {"number": 2}
    if damage == "gone":
        keeper.file.unlink()
    else:
        content[-1] ^= 1
        keep = {"truncated": len(content) // 2, "flipped": len(content), "empty": 0}[damage]
        keeper.file.write_bytes(content[:keep])
    assert keeper.exists()
    assert keeper.load() == {"number": 1}


def test_nothing_undamaged_is_an_error(tmp_path: Path) -> None:
    keeper = CheckpointFile(tmp_path / "trial.checkpoint")
    assert not keeper.exists()
    keeper.file.write_bytes(b"")
    with pytest.raises(CheckpointError, match="damaged"):
        keeper.load()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot write"):
        CheckpointFile(tmp_path / "nowhere/trial.checkpoint").save({})


def test_a_place_that_cannot_be_written_is_refused_before_training(tmp_path: Path) -> None:
    for place in (tmp_path / "nowhere/trial.checkpoint", tmp_path):
        with pytest.raises(CheckpointError, match="folder that can be written to"):
            train(trial({}), lambda row: pytest.fail(f"trained: {row}"), place)


def test_saved_when_due(tmp_path: Path) -> None:
    keeper = CheckpointFile(tmp_path / "trial.checkpoint", interval_s=3600)
    keeper.save_if_due(dict)
    assert not keeper.exists()
    eager = CheckpointFile(tmp_path / "trial.checkpoint", interval_s=0)
    eager.save_if_due(dict)
    assert eager.load() == {}
