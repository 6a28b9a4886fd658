"""What a running sweep writes to its log of its own accord."""

from __future__ import annotations

from typing import Any

from msann_sweep.config import SweepConfig
from msann_sweep.sweep.counters import best_costs, note_cost
from msann_sweep.sweep.log import SWEEP, log_event
from msann_sweep.sweep.record import SweepDirectory, TrialRecord
from msann_sweep.training import Row


class EventLog:
    """A view that logs how trials start and end, and when the best one changes."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.lowest: dict[str, float] = {}

    def opened(self, config: SweepConfig, directory: SweepDirectory, planned: int) -> None:
        """The sweep begins, or goes on."""
        records = directory.trials()
        self.known = set(records)
        self.lowest = best_costs(records.values())
        ended = sum(record.result is not None for record in records.values())
        log_event(SWEEP, "opened", f"{config.name}: {ended} of {planned} trials ended")

    def trial_started(self, record: TrialRecord) -> None:
        """A trial runs."""
        event = "resumed" if record.id in self.known else "started"
        self.known.add(record.id)
        assignment = record.assignment
        detail = f"{assignment.role}, seed {assignment.seed}, {_params(assignment.params)}"
        log_event(record.id, event, detail)

    def trial_advanced(self, record: TrialRecord, curve: list[Row]) -> None:
        """Nothing: curves hold the evaluations."""

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial has its result."""
        result = record.result
        assert result is not None
        reached = result.cost_to_tenth
        parts = [
            f"{result.stop_reason}, cost {result.cost:,.6g}, {result.wall_s:.2f} s",
            "target not reached" if reached is None else f"cost to target {reached:,.6g}",
        ]
        if result.final_mse is not None:
            parts.append(f"final MSE {result.final_mse:.3e}")
        if result.message:
            parts.append(result.message)
        log_event(record.id, record.status, ", ".join(parts))
        if note_cost(self.lowest, record):
            detail = f"cost to target {reached:,.6g}, the lowest yet: {_params(result.params)}"
            log_event(record.id, "best", detail)

    def closed(self) -> None:
        """No more trials run."""
        log_event(SWEEP, "closed", "no more trials run")


def _params(params: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in params.items())
