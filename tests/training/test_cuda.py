"""The CUDA path, on a machine with a GPU: reproducible, resumable, and never waiting in a visit."""

from __future__ import annotations

import gc
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from msann_sweep.config import MnistTask, OneObjectTask, SweepConfig, TrialConfig, TwoObjectTask
from msann_sweep.training import Row, Trainer
from msann_sweep.training.checkpoint import CheckpointFile
from msann_sweep.training.schedule import trial_schedule

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"),
    # Which images of MNIST there are makes no difference here.
    pytest.mark.filterwarnings("ignore::msann_sweep.data.BundledDataWarning"),
]

CASES: list[dict[str, Any]] = [
    {"L": 0},
    {"coarse_step": "galerkin", "cascade": 7},
    {"coarse_step": "galerkin", "optimizer": "adam", "prolongation": "grid"},
    {"coarse_step": "exact", "prolongation": "random", "optimizer": "muon"},
    {"coarse_step": "exact", "optimizer": "tf1_rmsprop"},
    {"schedule": "simultaneous"},
]
TASKS = {
    "one_object": OneObjectTask(n=10),
    "two_object": TwoObjectTask(n=10),
    "mnist": MnistTask(validation=500),
}


def trial(params: dict[str, Any], task: str = "one_object", **changes: Any) -> TrialConfig:
    sweep = SweepConfig(name="x", task=TASKS[task])
    given = {"L": 3, "gamma": 2, "k": 3, "learning_rate": 0.004, "batch_size": 32, **params}
    limits = {"budget_cost": 6000.0, "target": 1e-6, "device": "cuda", **changes}
    return sweep.trial(given, seed=3).model_copy(update=limits)


def curve(trainer: Trainer) -> list[Row]:
    """The rows of a trainer run to its end, but their seconds."""
    return [Row(**{**row, "wall_s": 0.0}) for row in trainer.rows()]  # type: ignore[typeddict-item]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("params", CASES, ids=str)
def test_a_seed_reproduces_a_trial_bit_for_bit(params: dict[str, Any], task: str) -> None:
    first, second = Trainer(trial(params, task)), Trainer(trial(params, task))
    assert curve(first) == curve(second)
    assert torch.equal(first.stepper.composed(), second.stepper.composed())
    assert first.curve[-1]["val_mse"] < first.curve[0]["val_mse"]


@pytest.mark.parametrize("params", CASES, ids=str)
def test_replayed_steps_are_those_taken_one_by_one(params: dict[str, Any]) -> None:
    replayed, one_by_one = Trainer(trial(params)), Trainer(trial(params))
    one_by_one._step = one_by_one.stepper.step
    assert curve(replayed) == curve(one_by_one)
    assert torch.equal(replayed.stepper.composed(), one_by_one.stepper.composed())


def test_an_earlier_trials_graphs_may_be_garbage_of_any_moment() -> None:
    config = trial({"coarse_step": "galerkin"})
    earlier = Trainer(config)
    expected = curve(earlier)
    vars(earlier)["itself"] = earlier
    del earlier
    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        assert curve(Trainer(config)) == expected
    finally:
        gc.set_threshold(*thresholds)


@pytest.mark.parametrize("params", CASES, ids=str)
def test_a_trial_goes_on_bit_for_bit(params: dict[str, Any], tmp_path: Path) -> None:
    config = trial(params)
    whole = Trainer(config)
    expected = curve(whole)
    cut_off, file = Trainer(config), CheckpointFile(tmp_path / "trial.ckpt")
    for row in cut_off.rows():
        if row["cost"] > 1000:
            break
    file.save(cut_off.state_dict())
    resumed = Trainer(config)
    resumed.load_state_dict(file.load())
    curve(resumed)
    assert [Row(**{**row, "wall_s": 0.0}) for row in resumed.curve] == expected  # type: ignore[typeddict-item]
    assert torch.equal(resumed.stepper.composed(), whole.stepper.composed())


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("params", CASES, ids=str)
def test_no_visit_waits_for_the_gpu(params: dict[str, Any], task: str) -> None:
    config = trial(params, task)
    trainer = Trainer(config)
    levels = [level for level, _ in islice(trial_schedule(config), 60)]
    for level in levels:  # the first steps make tables and views of the data, and graphs
        trainer.stepper.move_to(level)
        trainer._smooth()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for level in levels:
            trainer.stepper.move_to(level)
            trainer._smooth()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("coarse_step", ["exact", "galerkin"])
@pytest.mark.parametrize(("precision", "tolerance"), [("tf32", 2e-2), ("bf16", 1e-1)])
def test_a_lower_precision_stays_near_float32(
    coarse_step: str, precision: str, tolerance: float
) -> None:
    trainers = {}
    for name in ("float32", precision):
        config = trial({"coarse_step": coarse_step}, budget_cost=500.0, precision=name)
        trainers[name] = Trainer(config)
        curve(trainers[name])
    reference, other = (each.stepper.composed() for each in trainers.values())
    assert not torch.equal(reference, other)
    assert (reference - other).norm() <= tolerance * reference.norm()


def test_weights_come_back_to_the_cpu() -> None:
    trainer = Trainer(trial({"coarse_step": "galerkin"}, "mnist", budget_cost=200.0))
    curve(trainer)
    assert {each.device.type for each in trainer.weights().values()} == {"cpu"}
