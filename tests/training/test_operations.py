"""Operations against torch's own counter, and along a curve."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from msann_sweep.config import TrialConfig
from msann_sweep.config.task import MnistLabelsTask, OneObjectTask
from msann_sweep.training import Row, Trainer
from msann_sweep.training.newton_schulz import cpu_multiplies_bf16, operations
from msann_sweep.training.operations import operations_per_step, operations_to_target

# torch's counter knows the products that make a new matrix, not the one that adds to an old one.
IN_PLACE = {torch.ops.aten.addmm_: lambda _, a, b, **__: 2 * a[0] * a[1] * b[1]}


def counted(trial: TrialConfig) -> list[float]:
    """The operations that torch sees in a step at each level, on average over a visit of k."""
    stepper, counts = Trainer(trial).stepper, list[float]()
    levels = [0] if trial.schedule == "simultaneous" else range(trial.L + 1)
    for level in levels:
        stepper.move_to(level)
        inputs = torch.rand(trial.batch_size, stepper.resolution())
        targets = torch.rand(trial.batch_size, trial.layers[-1]) if trial.kept_layers else inputs
        with FlopCounterMode(display=False, custom_mapping=IN_PLACE) as counter:
            for _ in range(trial.k):
                stepper.step(inputs, targets)
            stepper.move_to(0)
        counts.append(counter.get_total_flops() / trial.k)
    return counts + [0] * (trial.L + 1 - len(counts))


@pytest.mark.parametrize(
    "params",
    [
        {"L": 0, "optimizer": "adam"},
        {"L": 3, "prolongation": "path", "optimizer": "rmsprop"},
        {"L": 3, "prolongation": "grid", "coarse_step": "galerkin"},
        {"L": 2, "prolongation": "random"},
        {"L": 2, "prolongation": "random", "k": 4},
        {"L": 2, "prolongation": "random", "k": 4, "batch_size": 64},
        {"L": 3, "prolongation": "optimized", "optimizer": "muon"},
        {"L": 3, "prolongation": "product", "k": 2},
        {"L": 3, "prolongation": "product", "k": 2, "batch_size": 256},
        {"L": 3, "prolongation": "injection", "k": 2},
        {"L": 2, "prolongation": "path", "coarse_step": "galerkin", "optimizer": "muon"},
        {"L": 2, "schedule": "simultaneous"},
        {"L": 2, "schedule": "simultaneous", "prolongation": "random"},
    ],
)
def test_the_count_is_torchs(params: dict[str, Any]) -> None:
    trial = TrialConfig(
        task=OneObjectTask(n=6, validation=10),
        layers=(64, 16, 8, 64),
        **{"batch_size": 7, **params},
    )
    assert operations_per_step(trial, bf16_cpu=cpu_multiplies_bf16()) == counted(trial)


def test_a_layer_that_is_kept_counts_in_full() -> None:
    trial = TrialConfig(
        task=MnistLabelsTask(validation=10), layers=(1024, 8, 10), loss="cross_entropy", L=2
    )
    assert operations_per_step(trial, bf16_cpu=False)[2] == 2 * 128 * (
        2 * 1024 * 8 + 80 * 2 - 1024 * 8 + 256 * 2 + 20
    )


def test_muon_is_counted_for_the_cpu_that_trained() -> None:
    task = OneObjectTask(n=10, validation=10)
    trial = TrialConfig(task=task, layers=(1024, 256, 1024), optimizer="muon", L=0)
    (composed,), (in_bf16,) = (operations_per_step(trial, bf16_cpu=bf16) for bf16 in (False, True))
    more = operations(1024, 256, float32=False) - operations(1024, 256, float32=True)
    assert in_bf16 - composed == 2 * more > 0


def test_operations_are_linear_between_evaluations() -> None:
    curve = [
        Row(val_mse=1.0, cost=0.0, wall_s=0.0, level=0, steps_per_level=[0, 0]),
        Row(val_mse=1.0, cost=10.0, wall_s=1.0, level=0, steps_per_level=[2, 4]),
        Row(val_mse=0.01, cost=30.0, wall_s=2.0, level=0, steps_per_level=[4, 8]),
    ]
    assert operations_to_target(curve, [10, 5], 0.1) == pytest.approx(60.0)
    assert operations_to_target(curve[:2], [10, 5], 0.1) is None
