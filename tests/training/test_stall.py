"""When a level of ``cascade: auto`` is left: by its loss, told here beforehand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from msann_sweep.config import OneObjectTask, SweepConfig
from msann_sweep.config.schema import Training
from msann_sweep.training import Trainer
from msann_sweep.training.stall import INTERVAL, LEAST_GAIN, MOST_BATCHES, PROBE_BATCHES, StallWatch


class Scripted:
    """Stands for a stepper at a level whose loss is ``losses``, one after the other."""

    def __init__(self, *losses: float) -> None:
        self.losses = iter(losses)

    def loss(self, *_: Tensor) -> Tensor:
        return torch.tensor(next(self.losses), dtype=torch.float64)


def watch(*losses: float) -> Iterator[tuple[int, bool]]:
    """The number of batches, and whether the level has stalled, at each look at the loss."""
    batch = (torch.zeros(1, 1), torch.zeros(1, 1))
    watching = StallWatch([batch], losses[0])
    stepper = Scripted(*losses[1:])
    for batches in range(INTERVAL * (len(losses) - 1) + 1):
        stalled = watching.stalled(stepper, batches)  # type: ignore[arg-type]  # only its loss
        if batches and batches % INTERVAL == 0:
            yield batches, stalled
        else:
            assert not stalled


def test_a_level_goes_on_while_its_loss_falls_by_a_twentieth() -> None:
    losses = [1.0, 0.94, 0.47, 0.47 * 0.96]
    assert list(watch(*losses)) == [(25, False), (50, False), (75, True)]
    assert list(watch(1.0, 1 - LEAST_GAIN)) == [(25, False)]


@pytest.mark.parametrize("worse", [1.2, float("nan"), float("inf")])
def test_one_that_gets_worse_or_breaks_has_stalled(worse: float) -> None:
    assert list(watch(1.0, 0.9, worse)) == [(25, False), (50, True)]


def test_no_level_takes_more_than_2000_batches() -> None:
    looks = list(watch(*(0.9**n for n in range(MOST_BATCHES // INTERVAL + 1))))
    assert [stalled for _, stalled in looks] == [*[False] * (len(looks) - 1), True]
    assert looks[-1][0] == MOST_BATCHES


def test_levels_that_learn_nothing_are_left_at_the_first_look() -> None:
    """Networks of 2,408, 628 and 170 parameters: 25 batches of 8 at each coarse one cost 66.3."""
    training = Training(batch_size=8, budget_cost=66.2, learning_rate=1e-12)
    sweep = SweepConfig(name="x", task=OneObjectTask(n=6), training=training)
    trainer = Trainer(sweep.trial({"L": 2, "cascade": "auto", "coarse_step": "galerkin"}))
    list(trainer.rows())
    assert trainer.meter.steps_per_level == [0, INTERVAL, INTERVAL]


def test_the_probe_is_drawn_at_the_levels_resolution() -> None:
    sweep = SweepConfig(name="x", task=OneObjectTask(n=6))
    trainer = Trainer(sweep.trial({"L": 2, "coarse_step": "galerkin", "batch_size": 8}))
    trainer.stepper.move_to(2)
    watching = StallWatch.begin(trainer.feed, trainer.stepper, 8, trainer.batches)
    assert [tuple(inputs.shape) for inputs, _ in watching.probe] == [(8, 16)] * PROBE_BATCHES
