"""A trial that trains nothing, for measuring what the platform itself takes."""

from __future__ import annotations

import time
from typing import Any

from ray import tune

from msann_sweep.config import SweepConfig

INITIAL_MSE = 1.0
COST_PER_S = 1000.0


class SimulatedTrial(tune.Trainable):
    """Takes ``training.budget_s`` seconds and reports as often as a training trial would.

    It sleeps instead of training, and reports a curve that never reaches the target, with
    ``training.evaluations_per_decade`` evaluations in its whole time.
    """

    def setup(  # type: ignore[override]  # tune.with_parameters supplies the rest
        self, config: dict[str, Any], *, sweep: SweepConfig, **_: Any
    ) -> None:
        """Called once per process."""
        self.budget_s = sweep.training.budget_s or 1.0
        self.evaluations = sweep.training.evaluations_per_decade
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next assignment in the same process."""
        self.assignment = new_config
        self.done = 0
        return True

    def step(self) -> dict[str, Any]:
        """Sleep to the next evaluation and report it."""
        if self.done:
            time.sleep(self.budget_s / self.evaluations)
        wall_s = self.budget_s * self.done / self.evaluations
        ended = self.done == self.evaluations
        val_mse = INITIAL_MSE / (1.0 + wall_s / self.budget_s)
        result = {
            "cost": COST_PER_S * wall_s,
            "wall_s": wall_s,
            "val_mse": val_mse,
            "level": 0,
            "steps_per_level": [self.done],
            "id": self.assignment["id"],
            "sample": self.assignment["sample"],
            "role": self.assignment["role"],
            "evaluation": self.done,
            "initial_mse": INITIAL_MSE,
            "best_mse": val_mse,
            "cost_to_tenth": None,
            "wall_to_tenth_s": None,
            "stop_reason": "budget_s" if ended else None,
            "message": None,
            "storage_fault": None,
            "done": ended,
        }
        self.done += 1
        return result
