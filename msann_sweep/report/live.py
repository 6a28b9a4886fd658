"""A running sweep on the terminal: a live table, or plain lines where there is no terminal."""

from __future__ import annotations

import math
import time
from collections import deque

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from msann_sweep.config import SweepConfig
from msann_sweep.report.terms import Terms
from msann_sweep.report.wording import cost_to_target, mse, number, outcome, parameters
from msann_sweep.sweep.record import SweepDirectory, TrialRecord
from msann_sweep.sweep.standings import Standings
from msann_sweep.training import Row

ENDED_SHOWN = 12


def share_of_target(initial_mse: float, val_mse: float, target: float) -> float:
    """How far log MSE has come on its way to the target: 0 at the start, 1 there."""
    return min(max(math.log(initial_mse / val_mse) / -math.log(target), 0.0), 1.0)


class Progress:
    """What both views know: the trials, their curves, and when the sweep may be done."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.running: dict[str, TrialRecord] = {}
        self.last_ended: deque[TrialRecord] = deque(maxlen=ENDED_SHOWN)
        self.ended = 0
        self.standings = Standings()
        self.curves: dict[str, list[Row]] = {}
        self.planned = 0
        self.target = 0.1
        self.loss = "MSE"
        self._started = time.monotonic()
        self._ended_before = 0

    def opened(self, config: SweepConfig, directory: SweepDirectory, planned: int) -> None:
        """The sweep begins, or goes on."""
        self.planned = planned
        self.target = config.stopping.target
        self.loss = Terms.of(config).loss
        records = directory.trials().values()
        self.standings = Standings(records)
        self.running = {record.id: record for record in records if not record.result}
        self.last_ended.extend(record for record in records if record.result)
        self.ended = len(records) - len(self.running)
        self._ended_before = self.ended
        self._started = time.monotonic()

    def trial_started(self, record: TrialRecord) -> None:
        """A trial runs."""
        self.running[record.id] = record
        self.standings.note(record)

    def trial_advanced(self, record: TrialRecord, curve: list[Row]) -> None:
        """A trial was evaluated."""
        self.curves[record.id] = curve

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial has its result."""
        self.curves.pop(record.id, None)
        self.running.pop(record.id, None)
        self.last_ended.append(record)
        self.ended += 1
        self.standings.note(record)

    def closed(self) -> None:
        """No more trials run."""

    def headline(self) -> str:
        """Progress, best so far and the time left in one line."""
        best = self.standings.compare().best
        parts = [f"{self.ended}/{self.planned} trials"]
        if best and best.result and best.result.cost_to_tenth is not None:
            parts.append(f"best MsANN {cost_to_target(best)} ({best.id})")
        done = self.ended - self._ended_before
        if done > 0 and self.ended < self.planned:
            left_s = (time.monotonic() - self._started) / done * (self.planned - self.ended)
            parts.append(f"about {left_s:.0f} s left")
        return ", ".join(parts)

    def standing(self, record: TrialRecord) -> tuple[str, str, str]:
        """Cost, MSE and share of the target of a running or ended trial."""
        result, curve = record.result, self.curves.get(record.id)
        if result and result.initial_mse and result.best_mse and result.final_mse:
            share = share_of_target(result.initial_mse, result.best_mse, self.target)
            return number(result.cost), mse(result.final_mse), f"{share:.0%}"
        if curve:
            first, last = curve[0]["val_mse"], curve[-1]["val_mse"]
            share = share_of_target(first, last, self.target)
            return number(curve[-1]["cost"]), mse(last), f"{share:.0%}"
        return "0", "", ""


class PlainView(Progress):
    """One line per trial that has ended."""

    def opened(self, config: SweepConfig, directory: SweepDirectory, planned: int) -> None:
        """Say what is run and where."""
        super().opened(config, directory, planned)
        self._print(f"sweep {config.name}: {planned} trials, kept in {directory.address}")

    def trial_ended(self, record: TrialRecord) -> None:
        """Print the trial's line."""
        super().trial_ended(record)
        cost, val_mse, _ = self.standing(record)
        self._print(
            f"{self.headline()}; {record.id}: {outcome(record)}, cost to target "
            f"{cost_to_target(record)}, cost {cost}, {self.loss} {val_mse}, "
            f"{parameters(record.result.params if record.result else {})}"
        )

    def _print(self, line: str) -> None:
        self.console.print(line, soft_wrap=True, highlight=False, markup=False)


class LiveView(Progress):
    """A table of the running trials and those that ended last, redrawn as results come."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)

    def opened(self, config: SweepConfig, directory: SweepDirectory, planned: int) -> None:
        """Begin to draw."""
        super().opened(config, directory, planned)
        self.console.print(f"sweep {config.name}, kept in {directory.address}", highlight=False)
        self._live.start()

    def closed(self) -> None:
        """Leave the last state on the screen."""
        self._live.stop()

    def _render(self) -> Group:
        table = Table(expand=False)
        for column in ("trial", "hyperparameters", "state"):
            table.add_column(column)
        for column in ("cost", self.loss, "of target", "cost to target"):
            table.add_column(column, justify="right")
        for record in [*self.last_ended, *self.running.values()]:
            params = record.result.params if record.result else record.assignment.params
            known = cost_to_target(record) if record.result else ""
            cost, val_mse, share = self.standing(record)
            table.add_row(
                record.id, parameters(params), outcome(record), cost, val_mse, share, known
            )
        return Group(table, Text(self.headline()))
