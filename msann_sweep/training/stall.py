"""When a level of the cascadic start has learnt what it can: ``cascade: auto``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from msann_sweep.data import Feed
from msann_sweep.training.stepper import Stepper

PROBE_BATCHES = 8
INTERVAL = 25
LEAST_GAIN = 0.05
MOST_BATCHES = 2000


@dataclass
class StallWatch:
    """Watches the loss at one level on a ``probe`` of a few batches, drawn as the visit begins.

    A level has stalled when its ``loss`` fell by less than 5 % over the last 25 batches, or after
    2,000 batches. The probe's examples are not trained on and count no cost, as validation does.
    """

    probe: Sequence[tuple[Tensor, Tensor]]
    loss: float

    @classmethod
    def begin(
        cls, feed: Feed, stepper: Stepper, batch_size: int, generator: torch.Generator
    ) -> StallWatch:
        """A watch for the level that ``stepper`` is at."""
        drawn = (
            feed.draw(batch_size, generator, stepper.resolution()) for _ in range(PROBE_BATCHES)
        )
        dtype = stepper.theta.dtype
        probe = [(inputs.to(dtype), targets.to(dtype)) for inputs, targets in drawn]
        return cls(probe, _mean_loss(stepper, probe))

    def stalled(self, stepper: Stepper, batches: int) -> bool:
        """Whether the level is done; asked after every batch, ``batches`` of them so far."""
        if batches == 0 or batches % INTERVAL:
            return False
        before, self.loss = self.loss, _mean_loss(stepper, self.probe)
        return not self.loss <= (1 - LEAST_GAIN) * before or batches >= MOST_BATCHES


def _mean_loss(stepper: Stepper, probe: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Read from the device once: a GPU is waited for at a look, and not for each batch of it."""
    return float(torch.stack([stepper.loss(*batch) for batch in probe]).mean())
