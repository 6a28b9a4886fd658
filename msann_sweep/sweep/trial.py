"""The Tune trainable: one MsANN trial, one step per evaluation."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from ray import tune

from msann_sweep.config import SweepConfig
from msann_sweep.data import ImageSet
from msann_sweep.errors import CheckpointError
from msann_sweep.sweep.operator_actors import SharedOperators
from msann_sweep.training import Row, Trainer, summarise
from msann_sweep.training.checkpoint import CheckpointFile

BACK_OFF_S = 1.0


class MsannTrial(tune.Trainable):
    """Trains the assignment it is configured with; the process is reused for the next one.

    Every result holds the evaluation's row, the trial's ``id``, ``sample`` and ``role``, its
    standing so far (``initial_mse``, ``best_mse``, ``cost_to_tenth``, ``wall_to_tenth_s``) and
    ``evaluation``, the row's number, so that whoever reads it needs no memory of earlier ones.

    The trial's state is kept in ``checkpoints_path`` as it is trained. One that finds its own there
    goes on from it, and reports the rows up to it once more: none is missing to whom
    the last ones before a crash were never told. ``config["attempt"]`` counts the crashes without
    a new evaluation, each followed by a longer pause. What cannot be written does not end the
    trial; ``storage_fault`` tells the driver.

    Nothing of an assignment is begun before its first step: Tune may have a process started for a
    trial and then give that trial to another one that has become free.
    """

    def setup(  # type: ignore[override]  # tune.with_parameters supplies the rest
        self,
        config: dict[str, Any],
        *,
        sweep: SweepConfig,
        operators: SharedOperators,
        data: ImageSet | None,
        weights_path: Path,
        checkpoints_path: Path,
    ) -> None:
        """Called once per process; the arguments beside ``config`` come from the object store."""
        self.sweep = sweep
        self.operators = operators
        self.data = data
        self.weights_path = weights_path
        self.checkpoints_path = checkpoints_path
        self._assign(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next assignment in the same process."""
        self._leave()
        self._assign(new_config)
        return True

    def cleanup(self) -> None:
        """Called when the process ends."""
        self._leave()

    def _assign(self, config: dict[str, Any]) -> None:
        self.assignment = config
        self.trainer: Trainer | None = None
        self.storage_fault: str | None = None
        self.evaluation = -1
        self.left = False

    def _begin(self) -> Trainer:
        config = self.assignment
        if config.get("attempt"):
            time.sleep(BACK_OFF_S * 2 ** (config["attempt"] - 1))
        trial = self.sweep.trial(config["params"], config["seed"])
        torch.set_num_threads(trial.threads)
        trainer = Trainer(trial, operators=self.operators.fetch(trial), data=self.data)
        self.checkpoint = CheckpointFile(self.checkpoints_path / f"{config['id']}.ckpt")
        self._take_up(trainer)
        known = list(trainer.curve)
        self.rows: Iterator[Row] = chain(known, trainer.rows(partial(self._save_if_due, trainer)))
        return trainer

    def _take_up(self, trainer: Trainer) -> None:
        """Go on from the checkpoint if there is one that can be used; begin anew if not."""
        if self.checkpoint.exists():
            try:
                trainer.load_state_dict(self.checkpoint.load())
            except CheckpointError:
                self.checkpoint.remove()

    def _save_if_due(self, trainer: Trainer) -> None:
        try:
            self.checkpoint.save_if_due(trainer.state_dict)
        except CheckpointError as error:
            self.storage_fault = str(error)

    def save_state(self) -> None:
        """Keep the trial's state now: the sweep is about to be interrupted."""
        if self.trainer is not None:
            self.checkpoint.save(self.trainer.state_dict())

    def train_buffered(self, *limits: float) -> list[dict[str, Any]]:
        """The results of the next seconds at once: the driver is not bothered with each.

        Tune gives a large number of results and a few seconds, but in the wrong order (ray 2.60).
        """
        report_at = time.monotonic() + min(limits)
        results: list[dict[str, Any]] = []
        while not results or (not results[-1]["done"] and time.monotonic() < report_at):
            results.append(self.train())  # type: ignore[no-untyped-call]  # Ray's own
        return results

    def step(self) -> dict[str, Any]:
        """Train to the next evaluation; ``done`` when the trial has ended by itself."""
        if self.trainer is None:
            self.trainer = self._begin()
        trainer = self.trainer
        row = next(self.rows, None)
        if row is not None:
            self.evaluation += 1
        curve = trainer.curve[: self.evaluation + 1]
        stop_reason = trainer.stop_reason if len(curve) == len(trainer.curve) else None
        if stop_reason:
            self._leave()
        config = trainer.config
        standing = summarise(
            curve,
            target=config.target,
            accuracy=config.accuracy,
            params={},
            seed=0,
            status="",
            stop_reason="",
        )
        return {
            **(curve[-1] if curve else {"cost": 0.0}),
            "id": self.assignment["id"],
            "sample": self.assignment["sample"],
            "role": self.assignment["role"],
            "evaluation": self.evaluation,
            "initial_mse": standing.initial_mse,
            "best_mse": standing.best_mse,
            "cost_to_tenth": standing.cost_to_tenth,
            "wall_to_tenth_s": standing.wall_to_tenth_s,
            "stop_reason": stop_reason,
            "message": trainer.message if stop_reason else None,
            "storage_fault": self.storage_fault,
            "done": stop_reason is not None,
        }

    def _leave(self) -> None:
        """Write the weights, whole or not at all: a stopped trial's may be the worst's.

        Once only: the driver deletes those of ended trials that nothing compares.
        """
        if self.trainer is None or self.left:
            return
        file = self.weights_path / f"{self.assignment['id']}.pt"
        fresh = file.with_suffix(f".{os.getpid()}")
        content = io.BytesIO()
        torch.save(self.trainer.weights(), content)
        try:
            fresh.write_bytes(content.getvalue())
            fresh.replace(file)
            self.left = True
        except OSError as error:
            fresh.unlink(missing_ok=True)
            self.storage_fault = f"cannot write {file}: {error.strerror}"
