"""Recording a sweep in MLflow: one parent run, one child run per trial, written by the driver.

The step of every metric is the training cost, so that MLflow's charts have it on the x axis. This
is the only file that knows MLflow. Losing the tracking server in mid-sweep loses no result: they
are in the sweep's own record, and the sweep goes on.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from urllib.parse import urlsplit

from msann_sweep.config import SweepConfig
from msann_sweep.errors import TrackingError
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.training import Row, TrialResult

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

FLUSH_INTERVAL_S = 2.0
# MLflow takes at most 1,000 metrics at once, and every row is five of them at most.
ROWS_PER_BATCH = 200
CONNECT_TIMEOUT_S = 5
CURVE_METRICS = ("val_mse", "val_accuracy", "cost", "wall_s", "level")
RESULT_METRICS = (
    "initial_mse",
    "final_mse",
    "best_mse",
    "cost_to_tenth",
    "wall_to_tenth_s",
)
STATUSES = {"finished": "FINISHED", "stopped": "FINISHED", "failed": "FAILED"}


def tracking_uri(config: SweepConfig) -> str:
    """The configured tracking URI, or the SQLite file under the sweep's storage."""
    if config.tracking.uri:
        return config.tracking.uri
    return f"sqlite:///{Path(config.storage).resolve() / 'mlflow.db'}"


def masked(uri: str) -> str:
    """A URI without its password."""
    password = urlsplit(uri).password
    return uri.replace(f":{password}@", ":***@") if password else uri


def server_command(uri: str, port: int) -> list[str]:
    """The command that serves MLflow's pages for a tracking database, on loopback only."""
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    return [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, *options]


P = ParamSpec("P")
T = TypeVar("T")


def _unless_lost(
    method: Callable[Concatenate[Tracker, P], T],
) -> Callable[Concatenate[Tracker, P], T | None]:
    """Keep a failing tracking server from ending the sweep: after one failure send nothing."""

    @wraps(method)
    def guarded(tracker: Tracker, *args: P.args, **kwargs: P.kwargs) -> T | None:
        if tracker.lost:
            return None
        try:
            return method(tracker, *args, **kwargs)
        except (MlflowException, OSError) as error:
            tracker.lost = masked(str(error).splitlines()[0])
            return None

    return cast("Callable[Concatenate[Tracker, P], T | None]", guarded)


class Tracker:
    """Writes one sweep's runs; every trial's metrics are buffered and sent in batches."""

    def __init__(self, client: MlflowClient, experiment_id: str) -> None:
        self.client = client
        self.experiment_id = experiment_id
        self.run_id: str | None = None
        self.lost: str | None = None
        self._rows: defaultdict[str, list[Row]] = defaultdict(list)
        self._flushed = time.monotonic()

    @classmethod
    def connect(cls, config: SweepConfig) -> Tracker:
        """Reach the tracking server (or make the database) and the experiment.

        Raises TrackingError when it cannot be reached.
        """
        uri = tracking_uri(config)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        try:
            with _impatient():
                client = MlflowClient(tracking_uri=uri)
                return cls(client, _experiment(client, config))
        except Exception as error:  # MLflow raises whatever its back-ends raise
            # What HTTP libraries wrap around the cause names the URI, password and all.
            reason = str(error).splitlines()[0].rsplit(": ", 1)[-1].strip("\"')")
            raise TrackingError(
                f"tracking.uri: cannot reach {masked(uri)}: {reason}; start the server, or leave "
                "tracking.uri null for a database under storage"
            ) from None

    @_unless_lost
    def start_sweep(
        self,
        config: SweepConfig,
        config_file: Path,
        environment: dict[str, Any],
        data: dict[str, Any],
    ) -> str | None:
        """Open the parent run with the search space, environment and data set."""
        tags = {"msann.kind": "sweep", "trained_on": data["description"]}
        run = self.client.create_run(self.experiment_id, tags=tags, run_name=config.name)
        self.run_id = run.info.run_id
        self.client.log_artifact(self.run_id, str(config_file))
        self.client.log_dict(self.run_id, environment, "environment.json")
        self._log_data(self.run_id, data)
        return self.run_id

    @_unless_lost
    def continue_sweep(self, run_id: str | None) -> None:
        """Go on with the parent run of an earlier part of the sweep."""
        self.run_id = run_id
        if run_id:
            self.client.update_run(run_id, status="RUNNING")

    @_unless_lost
    def start_trial(
        self, assignment: Assignment, params: dict[str, Any], data: dict[str, Any]
    ) -> str | None:
        """Open a trial's child run."""
        tags = {
            "mlflow.parentRunId": self.run_id or "",
            "role": assignment.role,
            "trial": assignment.id,
        }
        run = self.client.create_run(self.experiment_id, tags=tags, run_name=assignment.id)
        values = {**params, "seed": assignment.seed}
        self.client.log_batch(
            run.info.run_id, params=[Param(key, str(value)) for key, value in values.items()]
        )
        self._log_data(run.info.run_id, data)
        return str(run.info.run_id)

    @_unless_lost
    def discard_trial(self, run_id: str | None) -> None:
        """Delete the run of a trial that was cut off and starts again."""
        if run_id:
            self.client.delete_run(run_id)

    def add_row(self, run_id: str | None, row: Row) -> None:
        """Buffer an evaluation; sent with others every few seconds."""
        if run_id:
            self._rows[run_id].append(row)
        if time.monotonic() - self._flushed > FLUSH_INTERVAL_S:
            self.flush()

    @_unless_lost
    def flush(self) -> None:
        """Send what is buffered."""
        self._flushed = time.monotonic()
        for run_id in list(self._rows):
            rows = self._rows[run_id]
            for start in range(0, len(rows), ROWS_PER_BATCH):
                batch = rows[start : start + ROWS_PER_BATCH]
                self.client.log_batch(run_id, metrics=_curve_metrics(batch))
            del self._rows[run_id]

    @_unless_lost
    def end_trial(self, run_id: str | None, result: TrialResult) -> None:
        """Close a trial's run with its result."""
        self.flush()
        if run_id is None:
            return
        now_ms, step = time.time_ns() // 1_000_000, round(result.cost)
        values = {name: getattr(result, name) for name in RESULT_METRICS}
        metrics = [
            Metric(name, value, now_ms, step) for name, value in values.items() if value is not None
        ]
        tags = [RunTag("stopped", result.stop_reason)]
        if result.message:
            tags.append(RunTag("message", result.message))
        self.client.log_batch(run_id, metrics=metrics, tags=tags)
        self.client.set_terminated(run_id, status=STATUSES[result.status])

    @_unless_lost
    def log_artifacts(self, files: Sequence[Path], folder: str) -> None:
        """Add files to the parent run."""
        for file in files:
            self.client.log_artifact(self.run_id or "", str(file), folder)

    @_unless_lost
    def describe(self, tags: dict[str, str], metrics: dict[str, float]) -> None:
        """Set tags and metrics of the parent run."""
        now_ms = time.time_ns() // 1_000_000
        self.client.log_batch(
            self.run_id or "",
            tags=[RunTag(key, value) for key, value in tags.items()],
            metrics=[Metric(key, value, now_ms, 0) for key, value in metrics.items()],
        )

    @_unless_lost
    def tag_trial(self, run_id: str | None, key: str, value: str) -> None:
        """Set a tag of a trial's run."""
        if run_id:
            self.client.set_tag(run_id, key, value)

    @_unless_lost
    def end_sweep(self, status: str, running: Sequence[str | None]) -> None:
        """Close the parent run and those of trials that were cut off."""
        self.flush()
        for run_id in running:
            if run_id:
                self.client.set_terminated(run_id, status="KILLED")
        if self.run_id:
            mlflow_status = {"finished": "FINISHED", "failed": "FAILED"}.get(status, "KILLED")
            self.client.set_terminated(self.run_id, status=mlflow_status)

    def _log_data(self, run_id: str, data: dict[str, Any]) -> None:
        source = json.dumps({"source": data["source"]})
        dataset = Dataset(data["name"], data["digest"][:36], "code", source)
        self.client.log_inputs(run_id, [DatasetInput(dataset)])


def _curve_metrics(rows: Sequence[Row]) -> list[Metric]:
    now_ms = time.time_ns() // 1_000_000
    return [
        Metric(name, float(row[name]), now_ms, round(row["cost"]))  # type: ignore[literal-required]  # names of Row
        for row in rows
        for name in CURVE_METRICS
        if name in row
    ]


def _experiment(client: MlflowClient, config: SweepConfig) -> str:
    found = client.get_experiment_by_name(config.tracking.experiment)
    if found:
        return str(found.experiment_id)
    location = config.tracking.artifact_location
    if location is None and config.tracking.uri is None:
        location = (Path(config.storage).resolve() / "mlartifacts").as_uri()
    experiment_id: str = client.create_experiment(
        config.tracking.experiment, artifact_location=location
    )
    return experiment_id


@contextmanager
def _impatient() -> Iterator[None]:
    """Let MLflow's HTTP client give up at once instead of after minutes."""
    settings = {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(CONNECT_TIMEOUT_S),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
