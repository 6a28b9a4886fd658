"""The driver's only listener: everything Tune tells goes to record, MLflow, search and view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ray import tune

from msann_sweep.config import SweepConfig
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.interrupts import Interrupts
from msann_sweep.sweep.record import SweepDirectory, TrialRecord
from msann_sweep.sweep.snapshot import LeftOutOfSnapshots
from msann_sweep.sweep.stopping import RaceStopper
from msann_sweep.sweep.summary import compare
from msann_sweep.sweep.tracking import Tracker
from msann_sweep.training import Row, TrialResult, summarise

ROW_FIELDS = tuple(Row.__annotations__)


class View(Protocol):
    """Where a running sweep is shown; called from the driver only."""

    def opened(self, config: SweepConfig, directory: SweepDirectory, planned: int) -> None:
        """The sweep begins, or goes on."""

    def trial_started(self, record: TrialRecord) -> None:
        """A trial runs."""

    def trial_advanced(self, record: TrialRecord, curve: list[Row]) -> None:
        """A trial was evaluated; its curve so far."""

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial has its result."""

    def closed(self) -> None:
        """No more trials run."""


class Recorder(LeftOutOfSnapshots, tune.Callback):
    """Turns Tune's events into trial records.

    A trial that Tune starts again after a crash begins its curve anew; rows it reports twice are
    taken once. ``on_result`` is told every result (the searcher's ``record_result``).
    ``interrupts`` are heeded between two steps of Tune.
    """

    def __init__(
        self,
        config: SweepConfig,
        directory: SweepDirectory,
        tracker: Tracker,
        stopper: RaceStopper,
        view: View,
        data: dict[str, Any],
        on_result: Callable[[Assignment, TrialResult], None],
        interrupts: Interrupts,
    ) -> None:
        self.config = config
        self.directory = directory
        self.tracker = tracker
        self.stopper = stopper
        self.view = view
        self.data = data
        self.on_result = on_result
        self.interrupts = interrupts
        self.records = directory.trials()
        self.curves: dict[str, list[Row]] = {}
        self.last: dict[str, dict[str, Any]] = {}

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Stop here if interrupted: nothing is being recorded."""
        self.interrupts.check()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Record the start, unless Tune merely starts it again after a crash."""
        assignment = Assignment(**trial.config)
        if assignment.id in self.curves:
            return
        earlier = self.records.get(assignment.id)
        if earlier:
            self.tracker.discard_trial(earlier.run_id)
        params = self.config.trial(assignment.params, assignment.seed).params()
        run_id = self.tracker.start_trial(assignment, params, self.data)
        self.records[assignment.id] = TrialRecord(assignment, run_id=run_id)
        self.curves[assignment.id] = []
        self.directory.started(assignment, run_id)
        self.view.trial_started(self.records[assignment.id])

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Any],
        trial: Any,
        result: dict[str, Any],
        **info: Any,
    ) -> None:
        """Record the evaluation once."""
        trial_id = trial.config["id"]
        record, curve = self.records[trial_id], self.curves[trial_id]
        self.last[trial_id] = result
        if result["evaluation"] != len(curve):
            return
        known = {name: result[name] for name in ROW_FIELDS if name in result}
        row: Row = known  # type: ignore[assignment]  # exactly Row's fields
        curve.append(row)
        self.directory.add_rows(trial_id, [row])
        self.tracker.add_row(record.run_id, row)
        self.view.trial_advanced(record, curve)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Record the result: ended by itself, or stopped by the race."""
        trial_id = trial.config["id"]
        last = self.last.get(trial_id)
        if last is None:
            return
        if trial_id in self.stopper.stopped:
            self._end(trial_id, "stopped", "race", None)
        elif last["stop_reason"]:
            failed = last["stop_reason"] == "non_finite"
            status = "failed" if failed else "finished"
            self._end(trial_id, status, last["stop_reason"], last["message"])

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Record a trial that crashed more often than it may."""
        last_line = str(trial.error_file and trial.get_error()).strip().splitlines()[-1]
        self._end(trial.config["id"], "failed", "error", last_line)

    def _end(self, trial_id: str, status: str, stop_reason: str, message: str | None) -> None:
        record = self.records[trial_id]
        trial = self.config.trial(record.assignment.params, record.assignment.seed)
        record.result = summarise(
            self.curves[trial_id],
            target=trial.target,
            accuracy=trial.accuracy,
            params=trial.params(),
            seed=trial.seed,
            status=status,
            stop_reason=stop_reason,
            message=message,
        )
        self.directory.ended(trial_id, record.result)
        self.tracker.end_trial(record.run_id, record.result)
        self.on_result(record.assignment, record.result)
        self.view.trial_ended(record)
        self.keep_compared_weights()

    def keep_compared_weights(self) -> None:
        """Delete the weights of ended trials that no table compares."""
        compared = vars(compare(self.records.values())).values()
        kept = {record.id for record in compared if record}
        for record in self.records.values():
            if record.result and record.id not in kept:
                self.directory.weights_file(record.id).unlink(missing_ok=True)
