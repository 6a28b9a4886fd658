"""What the driver has MLflow told: every call notes what is to be written and returns at once.

The step of every metric is the training cost, so that MLflow's charts have it on the x axis. The
sweep's own record is the truth; what could not be written while the sweep ran is written by
``resume``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mlflow import MlflowClient
from numpy.typing import NDArray

from msann_sweep.config import SweepConfig
from msann_sweep.config.storage import tracking_database
from msann_sweep.errors import ServerError, TrackingError
from msann_sweep.secrets import masked
from msann_sweep.sweep import mlflow_pages as pages
from msann_sweep.sweep.mlflow_connection import connect, is_final, reason_of
from msann_sweep.sweep.mlflow_runs import MlflowRuns, sweep_metrics
from msann_sweep.sweep.outbox import Outbox
from msann_sweep.sweep.record import SweepDirectory, SweepState, TrialRecord
from msann_sweep.sweep.summary import compare, compare_samples, compared_trials
from msann_sweep.training import Row

# How long the end of a sweep waits for a server that does not answer, and after Ctrl-C for one
# that does.
PATIENCE_S = 30.0
LONGEST_INTERRUPTED_S = 5.0
REPORT = "report"


def tracking_uri(config: SweepConfig) -> str:
    """The configured tracking URI, or the SQLite file under the sweep's storage."""
    if config.tracking.uri:
        return config.tracking.uri
    return f"sqlite:///{tracking_database(config.storage, config.name).resolve()}"


@dataclass(frozen=True)
class ReportTarget:
    """Where a report's files go: beside the artifacts of the sweep's own run in MLflow.

    The run may have ended, or be another process' to write.
    """

    client: MlflowClient
    uri: str
    run_id: str

    @classmethod
    def of(cls, config: SweepConfig, state: SweepState) -> ReportTarget:
        """Raises TrackingError when MLflow cannot be reached, or has no run of that sweep."""
        uri = tracking_uri(config)
        client, experiment_id = connect(config, uri)
        where = f"tracking.uri: {masked(uri)}"
        try:
            run = MlflowRuns(client, experiment_id, config).find(state)
        except Exception as error:  # whatever MLflow's back-ends raise
            raise TrackingError(f"{where} does not answer: {reason_of(error)}") from None
        if run is None:
            raise TrackingError(f"{where} has no run of sweep {state.name!r}; `resume` writes it")
        return cls(client, masked(uri), run.info.run_id)

    def log(self, files: Sequence[Path]) -> None:
        """Put files there, in place of older ones. Raises ServerError when it takes none."""
        try:
            for file in files:
                self.client.log_artifact(self.run_id, str(file), REPORT)
        except Exception as error:  # whatever MLflow's back-ends raise
            where = f"tracking.uri: {self.uri} does not take the report"
            raise ServerError(
                f"{where}: {reason_of(error)}; it is written, but not there"
            ) from None


class Tracker:
    """Has one sweep written to MLflow by threads of its own.

    Every method may be called again with the same to no effect. ``lost`` says, once closed, what
    could not be written and why; None if all was.
    """

    def __init__(self, runs: MlflowRuns) -> None:
        self.runs = runs
        self.lost: str | None = None
        self._runs_box = _outbox("tracking")
        self._files_box = _outbox("artifacts")

    @classmethod
    def connect(cls, config: SweepConfig) -> Tracker:
        """Reach the tracking server (or make the database). Raises TrackingError if in vain."""
        client, experiment_id = connect(config, tracking_uri(config))
        return cls(MlflowRuns(client, experiment_id, config))

    @property
    def run_id(self) -> str | None:
        """The sweep's own run, once it is known."""
        return self.runs.run_id

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written just now; None where nothing is known to be wrong."""
        return self._runs_box.trouble or self._files_box.trouble

    def open_sweep(self, directory: SweepDirectory, state: SweepState) -> None:
        """Open the sweep's own run, new or that of an earlier part; bring MLflow up to the record.

        Ended trials that MLflow lacks are written, from the curves on disk.
        """
        self.runs.open(state)
        self._runs_box.put("parent", lambda: _ignore(self.runs.parent()))
        self.log_artifacts([directory.config_file], None)
        self._files_box.put("environment", self.runs.log_environment)
        for record in directory.trials().values():
            if record.result:
                self._runs_box.put(record.id, self._upload(directory, record))

    def _upload(self, directory: SweepDirectory, record: TrialRecord) -> Callable[[], None]:
        def job() -> None:
            mirror = self.runs.mirrors().get(record.id)
            if mirror is None or not mirror.ended:
                self.runs.sync_trial(record, directory.curve(record.id), cut_off=False)

        return job

    def sync_trial(self, record: TrialRecord, curve: Sequence[Row]) -> None:
        """Bring a trial's run up to its record and its curve so far, which may go on growing."""

        def job() -> None:
            # The record first: by the time that it has a result, the curve is whole.
            known = copy(record)
            self.runs.sync_trial(known, curve[:], cut_off=False)

        self._runs_box.put(record.id, job)

    def sync_sweep(
        self, records: Mapping[str, TrialRecord], trained_on: str, counters: Mapping[str, Any]
    ) -> None:
        """Bring the sweep's description and its own metrics up to the records."""

        def job() -> None:
            # Made in one piece, whatever the driver's thread adds meanwhile.
            snapshot = dict(records)
            compared = compare_samples(snapshot.values())
            text = pages.sweep_description(self.runs.config, trained_on, snapshot, compared)
            tags = pages.trials_of_roles(compared_trials(compared))
            keys = " ".join(counters.get("keys", []))[: pages.TAG_LENGTH]
            self.runs.parent()
            self.runs.describe_sweep(
                {**tags, "mlflow.note.content": text, "operator_keys": keys},
                sweep_metrics(snapshot.values(), counters, self.runs.start_ms),
            )

        self._runs_box.put("sweep", job)

    def sync_roles(
        self, records: Mapping[str, TrialRecord], curve_of: Callable[[str], Sequence[Row]]
    ) -> None:
        """At the end: tag the compared trials, and put their curves on the sweep's own run."""
        trials = pages.trials_of_roles(compare(records.values()))
        roles = {trial_id: role for role, trial_id in trials.items()}
        self._runs_box.put("roles", lambda: self.runs.name_roles(roles, records))
        for role, trial_id in trials.items():
            self._runs_box.put(("curve", role), self._role_curve(role, trial_id, curve_of))

    def _role_curve(
        self, role: str, trial_id: str, curve_of: Callable[[str], Sequence[Row]]
    ) -> Callable[[], None]:
        return lambda: self.runs.log_role_curve(role, trial_id, curve_of(trial_id))

    def log_artifacts(self, files: Sequence[Path], folder: str | None) -> None:
        """Add files to the sweep's own run, in place of older ones."""
        for file in files:
            self._files_box.put(("file", folder, file.name), self._file(file, folder))

    def _file(self, file: Path, folder: str | None) -> Callable[[], None]:
        return lambda: self.runs.log_file(file, folder)

    def log_page(self, page: Path) -> None:
        """Put the sweep's HTML page beside the run's artifacts, in place of an older one."""
        self.log_artifacts([page], REPORT)

    def log_model(self, record: TrialRecord, weights: Path, example: NDArray[np.float32]) -> None:
        """Register a trial's network as a model, unless that is not wanted, or has been done."""

        def job() -> None:
            from msann_sweep.sweep.mlflow_registry import register_model  # brings torch with it

            register_model(self.runs, record, weights, example)

        self._files_box.put("model", job)

    def end_sweep(self, status: str, running: Sequence[tuple[TrialRecord, Sequence[Row]]]) -> None:
        """Close the runs of trials that were cut off, and the sweep's own; wait for all of it."""
        for record, curve in running:
            self._runs_box.put(record.id, self._cut_off(record, curve))
        self._runs_box.put("end", lambda: self.runs.end_sweep(status))
        interrupted = status == "interrupted"
        self.lost = self._close(PATIENCE_S, LONGEST_INTERRUPTED_S if interrupted else math.inf)

    def _cut_off(self, record: TrialRecord, curve: Sequence[Row]) -> Callable[[], None]:
        return lambda: self.runs.sync_trial(record, curve, cut_off=True)

    def _close(self, patience_s: float, longest_s: float) -> str | None:
        faults = []
        for box, what in ((self._runs_box, "records"), (self._files_box, "files")):
            left = box.close(patience_s, longest_s)
            if left:
                faults.append(f"{left} {what} could not be written ({box.trouble or 'no answer'})")
            if box.refused:
                faults.append(f"{len(box.refused)} {what} were refused ({box.refused[0]})")
        return "; ".join(faults) or None


def _outbox(name: str) -> Outbox:
    return Outbox(name, is_final=is_final, describe=reason_of)


def _ignore(_: object) -> None:
    """A job returns nothing."""
