"""The Tune trainable: one MsANN trial, one step per evaluation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from ray import tune

from msann_sweep.config import SweepConfig
from msann_sweep.data import Mnist
from msann_sweep.sweep.operator_actors import SharedOperators
from msann_sweep.training import Row, Trainer, summarise


class MsannTrial(tune.Trainable):
    """Trains the assignment it is configured with; the process is reused for the next one.

    Every result holds the evaluation's row, the trial's ``id`` and ``role``, its standing so far
    (``initial_mse``, ``best_mse``, ``cost_to_tenth``, ``wall_to_tenth_s``) and ``evaluation``, the
    row's number, so that whoever reads it needs no memory of earlier ones.
    """

    def setup(  # type: ignore[override]  # tune.with_parameters supplies the rest
        self,
        config: dict[str, Any],
        *,
        sweep: SweepConfig,
        operators: SharedOperators,
        data: Mnist | None,
        weights_path: Path,
    ) -> None:
        """Called once per process; the arguments beside ``config`` come from the object store."""
        self.sweep = sweep
        self.operators = operators
        self.data = data
        self.weights_path = weights_path
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next assignment in the same process."""
        self._leave()
        self._begin(new_config)
        return True

    def cleanup(self) -> None:
        """Called when the process ends."""
        self._leave()

    def _begin(self, config: dict[str, Any]) -> None:
        self.assignment = config
        trial = self.sweep.trial(config["params"], config["seed"])
        torch.set_num_threads(trial.threads)
        self.trainer = Trainer(trial, operators=self.operators.fetch(trial), data=self.data)
        self.rows: Iterator[Row] = self.trainer.rows()

    def step(self) -> dict[str, Any]:
        """Train to the next evaluation; ``done`` when the trial has ended by itself."""
        row = next(self.rows, None)
        trainer = self.trainer
        if trainer.stop_reason:
            self._leave()
        standing = summarise(
            trainer.curve,
            target=trainer.config.target,
            accuracy=trainer.config.accuracy,
            params={},
            seed=0,
            status="",
            stop_reason="",
        )
        return {
            **(row or (trainer.curve[-1] if trainer.curve else {"cost": 0.0})),
            "id": self.assignment["id"],
            "role": self.assignment["role"],
            "evaluation": len(trainer.curve) - 1,
            "initial_mse": standing.initial_mse,
            "best_mse": standing.best_mse,
            "cost_to_tenth": standing.cost_to_tenth,
            "wall_to_tenth_s": standing.wall_to_tenth_s,
            "stop_reason": trainer.stop_reason,
            "message": trainer.message,
            "done": trainer.stop_reason is not None,
        }

    def _leave(self) -> None:
        """Write the weights, whole or not at all: a stopped trial's may be the worst's."""
        file = self.weights_path / f"{self.assignment['id']}.pt"
        fresh = file.with_suffix(f".{os.getpid()}")
        torch.save(self.trainer.weights(), fresh)
        fresh.replace(file)
