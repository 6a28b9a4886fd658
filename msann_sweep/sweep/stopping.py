"""Stopping the trials that can no longer win."""

from __future__ import annotations

from typing import Any

from ray import tune

from msann_sweep.sweep.assignment import SAMPLE


class RaceStopper(tune.Stopper):
    """Stops a sample whose cost exceeds ``race_factor`` × the best cost-to-1/10 so far.

    Baselines are never stopped, nor is a trial that has reached its target. ``best_cost`` is the
    best of an earlier part of the sweep, if any; ``race_factor`` None switches the race off.
    """

    def __init__(self, race_factor: float | None, best_cost: float | None = None) -> None:
        self.race_factor = race_factor
        self.best_cost = best_cost
        self.stopped: set[str] = set()

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:  # noqa: ARG002 - Ray's signature
        reached = result["cost_to_tenth"]
        if reached is not None:
            self.best_cost = min(reached, self.best_cost or reached)
            return False
        if self.race_factor is None or self.best_cost is None or result["role"] != SAMPLE:
            return False
        lost = result["cost"] > self.race_factor * self.best_cost and not result["stop_reason"]
        if lost:
            self.stopped.add(result["id"])
        return bool(lost)

    def stop_all(self) -> bool:
        """The race never ends a sweep."""
        return False
