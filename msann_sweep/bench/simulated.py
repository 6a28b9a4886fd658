"""Sweeps of simulated trials, and a view that measures while they run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msann_sweep.config import (
    OneObjectTask,
    Resources,
    Search,
    Space,
    Stopping,
    SweepConfig,
    Training,
)
from msann_sweep.sweep.record import SweepDirectory, TrialRecord
from msann_sweep.training import Row


def sweep_of(
    storage: Path,
    trials: int,
    trial_s: float,
    *,
    concurrency: int | None = None,
    cpus_per_trial: float = 1.0,
    address: str | None = None,
    evaluations: int = 20,
) -> SweepConfig:
    """A sweep of trials that take ``trial_s`` seconds each, whatever they reach.

    ``concurrency`` None lets it have what the cluster has room for.
    """
    return SweepConfig(
        name=f"trials-{trials}",
        task=OneObjectTask(n=6),
        space=Space({"L": {"int": [0, 3]}, "learning_rate": {"float": [1e-3, 1e-2]}}),
        training=Training(
            budget_s=trial_s, budget_cost=1e15, evaluations_per_decade=evaluations, batch_size=32
        ),
        stopping=Stopping(on_target="continue", race_factor=None),
        search=Search(
            sampler="random", trials=trials, baselines=False, concurrency=concurrency or "auto"
        ),
        resources=Resources(cpus_per_trial=cpus_per_trial, operator_actors=1, address=address),
        storage=str(storage),
    )


@dataclass
class Meter:
    """A view that shows nothing and notes when what happened, and the driver's own work.

    ``all_running`` and ``first_ended`` hold the time and this process's CPU time, in seconds, when
    ``trials`` of them ran for the first time and when the first of them ended; ``results`` counts
    evaluations in between.
    """

    trials: int
    all_running: tuple[float, float] | None = None
    first_ended: tuple[float, float] | None = None
    results: int = 0
    records: dict[str, TrialRecord] = field(default_factory=dict)

    def opened(self, config: SweepConfig, directory: SweepDirectory, planned: int) -> None:
        """The sweep begins."""

    def trial_started(self, record: TrialRecord) -> None:
        """A trial runs."""

    def trial_advanced(self, record: TrialRecord, curve: list[Row]) -> None:
        """Note a running trial, and its evaluation."""
        self.records[record.id] = record
        if self.all_running is None and len(self.records) == self.trials:
            self.all_running = _now()
        elif self.all_running is not None and self.first_ended is None:
            self.results += 1

    def trial_ended(self, record: TrialRecord) -> None:
        """Note the first end."""
        self.first_ended = self.first_ended or _now()

    def closed(self) -> None:
        """No more trials run."""

    def steady(self) -> dict[str, Any]:
        """Seconds between the two moments, the driver's share of a core, and results per second.

        None for both where trials ended before all of them ran.
        """
        wall_s = cpu_s = 0.0
        if self.all_running and self.first_ended:
            wall_s, cpu_s = (
                late - early for early, late in zip(self.all_running, self.first_ended, strict=True)
            )
        if wall_s <= 0:
            return {"steady_s": 0.0, "driver_cpu_share": None, "results_per_s": None}
        return {
            "steady_s": wall_s,
            "driver_cpu_share": cpu_s / wall_s,
            "results_per_s": self.results / wall_s,
        }


def _now() -> tuple[float, float]:
    return time.monotonic(), time.process_time()
