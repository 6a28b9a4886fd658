"""The driver's only listener: everything Tune tells goes to record, MLflow, search and view."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import ray
from ray import tune

from msann_sweep.config import SweepConfig
from msann_sweep.sweep import cluster
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.failures import describe_os_error, storage_failed
from msann_sweep.sweep.interrupts import Interrupts
from msann_sweep.sweep.lease import Lease
from msann_sweep.sweep.log import log_event
from msann_sweep.sweep.record import SweepDirectory, TrialRecord
from msann_sweep.sweep.snapshot import LeftOutOfSnapshots
from msann_sweep.sweep.standings import Standings
from msann_sweep.sweep.stopping import TrialStopper
from msann_sweep.sweep.tracking import Tracker
from msann_sweep.training import Row, TrialResult, summarise

ROW_FIELDS = tuple(Row.__annotations__)
SAVE_WAIT_S = 5.0
TIME_KEPT_EVERY_S = 10.0
Method = TypeVar("Method", bound=Callable[..., None])


def worker_of(result: dict[str, Any]) -> str | None:
    """The process that a result of Tune's comes from: "node, process number"."""
    return f"{result['node_ip']}, process {result['pid']}" if "pid" in result else None


def _while_sound(method: Method) -> Method:
    """Note that the storage fails instead of raising where Tune would take it for the trial's
    fault, and record nothing from then on, nor when the sweep has become another process's.
    """

    @wraps(method)
    def guarded(recorder: Recorder, *args: Any, **kwargs: Any) -> None:
        if recorder.fault or recorder.lease.lost:
            return
        try:
            method(recorder, *args, **kwargs)
        except OSError as error:
            recorder.fault = describe_os_error(error)

    return cast("Method", guarded)


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

    A trial that was cut off goes on from its checkpoint and reports its rows once more; those that
    are recorded already are passed over, so that a curve has no holes and nothing twice.
    ``on_result`` is told every result (the searcher's ``record_result``); ``keep_time`` is called
    every few seconds. ``interrupts``, the loss
    of the ``lease`` and a storage that fails are heeded between two steps of Tune.
    """

    def __init__(
        self,
        config: SweepConfig,
        directory: SweepDirectory,
        tracker: Tracker,
        stopper: TrialStopper,
        view: View,
        data: dict[str, Any],
        on_result: Callable[[Assignment, TrialResult], None],
        keep_time: Callable[[], None],
        interrupts: Interrupts,
        lease: Lease,
    ) -> None:
        self.config = config
        self.directory = directory
        self.tracker = tracker
        self.stopper = stopper
        self.view = view
        self.data = data
        self.on_result = on_result
        self.keep_time = keep_time
        self._next_time_s = time.monotonic() + TIME_KEPT_EVERY_S
        self.interrupts = interrupts
        self.lease = lease
        self.fault: str | None = None
        self.records = directory.trials()
        self.standings = Standings(self.records.values(), config.search.seeds)
        self.with_weights = {
            file.stem
            for file in directory.weights_path.glob("*.pt")
            if file.stem in self.records and self.records[file.stem].result
        }
        self.curves: dict[str, list[Row]] = {}
        self.last: dict[str, dict[str, Any]] = {}
        self.lag_s: dict[str, float] = {}
        self.running: dict[str, Any] = {}

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Stop here if there is a reason to: nothing is being recorded."""
        self.interrupts.check()
        self.lease.check()
        cluster.check_alive()
        if self.fault:
            raise storage_failed(self.config, self.fault)

    @_while_sound
    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Have the time kept now and then, so that a crash loses little of it."""
        if time.monotonic() >= self._next_time_s:
            self._next_time_s = time.monotonic() + TIME_KEPT_EVERY_S
            self.keep_time()

    def save_running(self) -> None:
        """Have the running trials keep their state; those that do not answer soon kept an older."""
        actors = [trial.temporary_state.ray_actor for trial in self.running.values()]
        saved = [actor.save_state.remote() for actor in actors if actor is not None]
        if saved:
            ray.wait(saved, num_returns=len(saved), timeout=SAVE_WAIT_S)

    @_while_sound
    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Record the start, unless the trial goes on after a crash."""
        assignment = assignment_of(trial)
        self.running[assignment.id] = trial
        if assignment.id not in self.curves:
            self._begin(assignment)

    def _begin(self, assignment: Assignment) -> None:
        earlier = self.records.get(assignment.id)
        if earlier:
            self.curves[assignment.id] = self.directory.curve(assignment.id)
            self.tracker.sync_trial(earlier, self.curves[assignment.id])
            self.view.trial_started(earlier)
            return
        record = TrialRecord(assignment, started_s=time.time())
        self.records[assignment.id] = record
        self.standings.note(record)
        self.curves[assignment.id] = []
        self.directory.started(assignment)
        self.tracker.sync_trial(record, self.curves[assignment.id])
        self.view.trial_started(record)

    @_while_sound
    def on_trial_result(
        self,
        iteration: int,
        trials: list[Any],
        trial: Any,
        result: dict[str, Any],
        **info: Any,
    ) -> None:
        """Record the evaluation once.

        Seconds go on from the recorded row before: what was trained twice is counted once.
        """
        trial_id = trial.config["id"]
        record, curve = self.records[trial_id], self.curves[trial_id]
        self.last[trial_id] = result
        if fault := result.get("storage_fault"):
            self.fault = f"{fault} (node {result['node_ip']})"
        if result["evaluation"] == len(curve) - 1:
            self.lag_s[trial_id] = curve[-1]["wall_s"] - result["wall_s"]
        if result["evaluation"] != len(curve):
            return
        known = {name: result[name] for name in ROW_FIELDS if name in result}
        row: Row = known  # type: ignore[assignment]  # exactly Row's fields
        row["wall_s"] += self.lag_s.get(trial_id, 0.0)
        self.directory.add_rows(trial_id, [row])
        # Only now, so that MLflow never gets what a crash would have trained, and timed, again.
        curve.append(row)
        _count_crashes(trial, 0)
        self.tracker.sync_trial(record, curve)
        self.view.trial_advanced(record, curve)

    @_while_sound
    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Record the result: ended by itself, or stopped by the sweep."""
        trial_id = trial.config["id"]
        last = self.last.get(trial_id)
        if last is None:
            return
        if trial_id in self.stopper.stopped:
            self._end(trial_id, "stopped", self.stopper.stopped[trial_id], None)
        elif last["stop_reason"]:
            failed = last["stop_reason"] == "non_finite"
            status = "failed" if failed else "finished"
            self._end(trial_id, status, last["stop_reason"], last["message"])

    @_while_sound
    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Let a trial that crashed wait before it goes on, longer each time."""
        _count_crashes(trial, trial.num_failures)
        log_event(trial.config["id"], "retried", f"crashed {trial.num_failures} times")

    @_while_sound
    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Record a trial that crashed more often than it may."""
        reason = last_line(Path(trial.error_file)) if trial.error_file else None
        message = (
            f"crashed {trial.num_failures} times without a new evaluation: "
            f"{reason or 'its process died'}"
        )
        assignment = assignment_of(trial)
        if assignment.id not in self.curves:
            # Its processes died before Tune called any of them started.
            self._begin(assignment)
        self._end(assignment.id, "failed", "error", message)

    def _end(self, trial_id: str, status: str, stop_reason: str, message: str | None) -> None:
        self.running.pop(trial_id, None)
        record = self.records[trial_id]
        trial = self.config.trial(record.assignment.params, record.assignment.seed)
        # Nothing of it is needed here any more: a sweep may have ten thousand trials.
        curve, last = self.curves.pop(trial_id), self.last.pop(trial_id, {})
        self.lag_s.pop(trial_id, None)
        record.worker, record.ended_s = worker_of(last), time.time()
        record.result = summarise(
            curve,
            target=trial.target,
            accuracy=trial.accuracy,
            params=trial.params(),
            seed=trial.seed,
            status=status,
            stop_reason=stop_reason,
            message=message,
        )
        self.directory.ended(trial_id, record.result, record.worker)
        self.tracker.sync_trial(record, curve)
        self.tracker.sync_sweep(self.records, self.data["description"], {})
        self.on_result(record.assignment, record.result)
        self.directory.checkpoint(trial_id).remove()
        self.view.trial_ended(record)
        self.standings.note(record)
        self.with_weights.add(trial_id)
        self.keep_compared_weights()

    def keep_compared_weights(self) -> bool:
        """Delete the weights of ended trials that no table compares; whether any are to come.

        Those of a trial that was stopped may take a moment to appear: they are looked for again.
        """
        awaited = False
        for trial_id in self.with_weights - self.standings.kept():
            file, result = self.directory.weights_file(trial_id), self.records[trial_id].result
            stopped = result is not None and result.status == "stopped"
            if file.exists() or not stopped:
                file.unlink(missing_ok=True)
                self.with_weights.remove(trial_id)
            else:
                awaited = True
        return awaited


def assignment_of(trial: Any) -> Assignment:
    """What a trial of Tune's was configured with."""
    return Assignment(**{field.name: trial.config[field.name] for field in fields(Assignment)})


def last_line(file: Path) -> str | None:
    """The last line of Tune's record of a trial's errors: the error itself; None without one."""
    if not file.is_file():
        return None
    lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else None


def _count_crashes(trial: Any, crashes: int) -> None:
    """Tell Tune and the trial's next process how often it crashed since its last evaluation."""
    if crashes or trial.config.get("attempt"):
        trial.config["attempt"] = crashes
        trial.run_metadata.num_failures = crashes
