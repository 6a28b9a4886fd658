"""When a level of the cascadic start has learnt what it can: ``cascade: auto``."""

from __future__ import annotations

from typing import Any

import torch

from msann_sweep.data import Feed
from msann_sweep.training.stepper import Stepper

PROBE_BATCHES = 8
INTERVAL = 25
LEAST_GAIN = 0.05
MOST_BATCHES = 2000


class StallWatch:
    """Watches the loss at one level on a probe of a few batches, drawn as the visit begins.

    A level has stalled when its loss fell by less than 5 % over the last 25 batches, or after
    2,000 batches. The probe's examples are not trained on and count no cost, as validation does.
    """

    def __init__(self, feed: Feed, stepper: Stepper, batch_size: int, generator: torch.Generator):
        drawn = [
            feed.draw(batch_size, generator, stepper.resolution()) for _ in range(PROBE_BATCHES)
        ]
        dtype = stepper.theta.dtype
        self.probe = [(inputs.to(dtype), targets.to(dtype)) for inputs, targets in drawn]
        self.loss = self._measure(stepper)

    def _measure(self, stepper: Stepper) -> float:
        return sum(stepper.loss(*batch) for batch in self.probe) / PROBE_BATCHES

    def stalled(self, stepper: Stepper, batches: int) -> bool:
        """Whether the level is done; asked after every batch, ``batches`` of them so far."""
        if batches == 0 or batches % INTERVAL:
            return False
        before, self.loss = self.loss, self._measure(stepper)
        return not self.loss <= (1 - LEAST_GAIN) * before or batches >= MOST_BATCHES

    def state_dict(self) -> dict[str, Any]:
        """The probe and the last loss; tensors are not copied."""
        return {"probe": self.probe, "loss": self.loss}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> StallWatch:
        """The watch that had this state."""
        watch = cls.__new__(cls)
        watch.probe = [(inputs, targets) for inputs, targets in state["probe"]]
        watch.loss = state["loss"]
        return watch
