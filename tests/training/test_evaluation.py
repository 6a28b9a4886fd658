"""Evaluation in the middle of a visit: the composed network's, without its being made whole."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from msann_sweep.config import OneObjectTask, SweepConfig
from msann_sweep.training import Trainer
from msann_sweep.training.network import predict, total_loss
from msann_sweep.training.trainer import EVALUATION_CHUNK

LAYERS = (1024, 256, 128, 256, 1024)


class LargestTensor(TorchDispatchMode):
    """Notes how many entries the largest tensor has that any operation returns."""

    entries = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.entries = max(self.entries, out.numel())
        return out


def in_the_middle(coarse_step: str) -> Trainer:
    """A trainer that has left off at level 2, in a visit."""
    task = OneObjectTask(n=10, validation=600)
    params = {"L": 3, "k": 3, "coarse_step": coarse_step, "optimizer": "rmsprop"}
    trainer = Trainer(SweepConfig(name="x", task=task).trial({**params, "batch_size": 16}))
    trainer.validate()
    trainer.stepper.move_to(2)
    inputs, targets = trainer.feed.draw(16, trainer.batches, trainer.stepper.resolution())
    for _ in range(3):
        trainer.stepper.step(inputs, targets)
    return trainer


@pytest.mark.parametrize("coarse_step", ["exact", "galerkin"])
def test_the_validation_loss_is_the_composed_networks(coarse_step: str) -> None:
    trainer = in_the_middle(coarse_step)
    theta, total, count = trainer.stepper.composed(), 0.0, 0
    for x, y in trainer.feed.validation(EVALUATION_CHUNK):
        loss, n_terms = total_loss(predict(theta, LAYERS, x), y, "mse")
        total, count = total + float(loss), count + n_terms
    assert trainer.validate() == (pytest.approx(total / count, rel=1e-12), None)


@pytest.mark.parametrize("coarse_step", ["exact", "galerkin"])
def test_nothing_larger_than_a_layer_is_made(coarse_step: str) -> None:
    trainer = in_the_middle(coarse_step)
    with LargestTensor() as largest:
        trainer.validate()
        trainer.weights()
    # The validation set, kept as a whole, is passed in chunks.
    assert 0 < largest.entries <= max(1024 * 256, EVALUATION_CHUNK * 1024)
