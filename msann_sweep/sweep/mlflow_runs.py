"""Writing a sweep's runs to MLflow so that writing again changes nothing.

Every point of a curve has a time stamp made from the record alone (the run's start plus seconds of
training), and MLflow takes an equal point once; runs are found again by their tags. So whatever
was cut off halfway, or may or may not have arrived, is simply written again.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param, Run, RunTag, ViewType

from msann_sweep.config import SweepConfig
from msann_sweep.secrets import masked
from msann_sweep.sweep import mlflow_pages as pages
from msann_sweep.sweep.record import SweepState, TrialRecord
from msann_sweep.training import Row

# MLflow takes at most 1,000 metrics at once, and every row is five of them at most.
ROWS_PER_BATCH = 200
RUNS_PER_PAGE = 1000
CURVE_METRICS = ("val_mse", "val_accuracy", "cost", "wall_s", "level")
RESULT_METRICS = ("initial_mse", "final_mse", "best_mse", "cost_to_tenth", "wall_to_tenth_s")
STATUSES = {"finished": "FINISHED", "stopped": "FINISHED", "failed": "FAILED"}


@dataclass
class Mirror:
    """What MLflow has of a trial; ``rows`` None where it must be asked how many it has."""

    run_id: str
    start_ms: int
    role: str
    comparison: str
    rows: int | None = None
    described: bool = False
    running: bool = False
    ended: bool = False
    deleted: bool = False


class MlflowRuns:
    """The runs of one sweep: its own and one child per trial. Raises what MLflow raises."""

    def __init__(self, client: MlflowClient, experiment_id: str, config: SweepConfig) -> None:
        self.client = client
        self.experiment_id = experiment_id
        self.config = config
        self.run_id: str | None = None
        self.start_ms = 0
        self._state: SweepState | None = None
        self._mirrors: dict[str, Mirror] | None = None
        self._lock = threading.RLock()

    def open(self, state: SweepState) -> None:
        """Say which sweep this is; its run is found or made by :meth:`parent`."""
        self._state = state

    def parent(self) -> str:
        """The id of the sweep's own run: the known one, one with its tag, or a new one."""
        with self._lock:
            if self.run_id is None:
                assert self._state is not None
                run = self.find(self._state)
                if run is None:
                    run = self._create_parent(self._state)
                else:
                    self._reopen(run)
                if not run.data.params:  # new, or cut off before it had any
                    self._log_data(run.info.run_id)
                    params = pages.sweep_params(self.config)
                    self.client.log_batch(run.info.run_id, params=_params(params))
                self.run_id, self.start_ms = run.info.run_id, run.info.start_time
            return self.run_id

    def find(self, state: SweepState) -> Run | None:
        """A sweep's own run, if there is one."""
        found = self.client.search_runs(
            [self.experiment_id], f"tags.`msann.sweep` = '{_identity(state)}'", max_results=1
        )
        return found[0] if found else None

    def _reopen(self, run: Run) -> None:
        if run.info.status != "RUNNING":
            self.client.update_run(run.info.run_id, status="RUNNING")
        if pages.COMPARISON not in run.data.tags:  # made by an earlier version
            self.client.set_tag(run.info.run_id, pages.COMPARISON, self._comparison())

    def _create_parent(self, state: SweepState) -> Run:
        tags = {
            "msann.kind": "sweep",
            "msann.sweep": _identity(state),
            pages.COMPARISON: self._comparison(),
            "trained_on": state.trained_on["description"],
            "mlflow.source.name": "msann_sweep",
            "mlflow.source.git.commit": str(state.environment.get("commit") or "unknown"),
        }
        return self.client.create_run(self.experiment_id, tags=tags, run_name=self.config.name)

    def mirrors(self) -> dict[str, Mirror]:
        """What MLflow has of every trial, by id; read from it where that is not known."""
        parent = self.parent()
        if self._mirrors is None:
            self._mirrors = self._read_mirrors(parent)
        return self._mirrors

    def _read_mirrors(self, parent: str) -> dict[str, Mirror]:
        mirrors: dict[str, Mirror] = {}
        token: str | None = None
        while token != "":
            page = self.client.search_runs(
                [self.experiment_id],
                f"tags.`mlflow.parentRunId` = '{parent}'",
                ViewType.ALL,
                RUNS_PER_PAGE,
                ["attributes.start_time ASC"],
                token,
            )
            for run in page:
                mirrors.setdefault(run.data.tags["trial"], _mirror(run))
            token = page.token or ""
        return mirrors

    def sync_trial(self, record: TrialRecord, curve: Sequence[Row], *, cut_off: bool) -> None:
        """Bring a trial's run up to date; ``cut_off``: nothing trains it any more for now.

        A run that somebody has deleted in MLflow stays deleted.
        """
        mirror = self._run_of(record)
        if mirror.ended:
            return
        if not mirror.running:
            self.client.update_run(mirror.run_id, status="RUNNING")
            mirror.running = True
        try:
            self._send(mirror, record, curve)
        except Exception:
            mirror.rows = None  # perhaps they have arrived
            raise
        if record.result:
            self._end(mirror, record)
        elif cut_off:
            self.client.set_terminated(mirror.run_id, status="KILLED")
            mirror.running = False

    def _run_of(self, record: TrialRecord) -> Mirror:
        mirrors, assignment = self.mirrors(), record.assignment
        if record.id not in mirrors:
            role = pages.role_of(assignment)
            tags = {"mlflow.parentRunId": self.parent(), "trial": record.id, "role": role}
            try:
                run = self.client.create_run(
                    self.experiment_id,
                    start_time=_ms(record.started_s),
                    tags=tags | pages.colour_tag(role),
                    run_name=self._run_name(record),
                )
            except Exception:
                self._mirrors = None  # perhaps it was made
                raise
            mirrors[record.id] = _mirror(run, rows=0)
        return mirrors[record.id]

    def _send(self, mirror: Mirror, record: TrialRecord, curve: Sequence[Row]) -> None:
        if not mirror.described:
            params = self._trial_params(record)
            shown = pages.shown_params(self.config, params, record.assignment.seed)
            self.client.log_batch(mirror.run_id, params=_params(shown))
            self._log_data(mirror.run_id)
            mirror.described = True
        if mirror.rows is None:
            mirror.rows = len(self.client.get_metric_history(mirror.run_id, "cost"))
        for start in range(mirror.rows, len(curve), ROWS_PER_BATCH):
            batch = curve[start : start + ROWS_PER_BATCH]
            self.client.log_batch(mirror.run_id, metrics=_curve_metrics(batch, mirror.start_ms))
            mirror.rows = start + len(batch)

    def _end(self, mirror: Mirror, record: TrialRecord) -> None:
        result = record.result
        assert result is not None
        values = {name: getattr(result, name) for name in RESULT_METRICS}
        time_ms, step = mirror.start_ms + round(1000 * result.wall_s), round(result.cost)
        metrics = [
            Metric(name, value, time_ms, step)
            for name, value in values.items()
            if value is not None
        ]
        tags = {"stopped": result.stop_reason}
        if result.message:
            tags["message"] = masked(result.message)[: pages.TAG_LENGTH]
        self.client.log_batch(mirror.run_id, metrics=metrics, tags=_tags(tags))
        self.client.set_terminated(
            mirror.run_id, status=STATUSES[result.status], end_time=_ms(record.ended_s)
        )
        mirror.ended = True

    def _trial_params(self, record: TrialRecord) -> dict[str, Any]:
        return self.config.trial(record.assignment.params, record.assignment.seed).params()

    def _run_name(self, record: TrialRecord) -> str:
        params, seeds = self._trial_params(record), self.config.search.seeds
        return pages.run_name(record.assignment, params, seeds)

    def _comparison(self) -> str:
        """What the runs of one sweep's comparison are found by; later sweeps' sort after it."""
        assert self._state is not None
        return f"{self._state.created} {self._state.name}"

    def describe_sweep(self, tags: Mapping[str, str], metrics: Sequence[Metric]) -> None:
        """Set tags and add points of the sweep's own run."""
        self.client.log_batch(self.parent(), metrics=metrics, tags=_tags(tags))

    def name_roles(self, roles: Mapping[str, str], records: Mapping[str, TrialRecord]) -> None:
        """Name and tag the compared trials' runs by their roles, and no other one any longer."""
        for trial_id, mirror in self.mirrors().items():
            if trial_id in records and not mirror.deleted:
                record = records[trial_id]
                role = roles.get(trial_id) or pages.role_of(record.assignment)
                comparison = self._comparison() if role in pages.TITLES else ""
                if (role, comparison) != (mirror.role, mirror.comparison):
                    self._name_role(mirror, record, role, comparison)

    def _name_role(self, mirror: Mirror, record: TrialRecord, role: str, comparison: str) -> None:
        name = self._run_name(record)
        if comparison:
            name = pages.compared_name(self.config.name, role, name)
        # The role is known by its tag, so it is written last: what is cut off is done again.
        tags = {pages.COMPARISON: comparison, **pages.colour_tag(role), "role": role}
        self.client.update_run(mirror.run_id, name=name)
        self.client.log_batch(mirror.run_id, tags=_tags(tags))
        mirror.role, mirror.comparison = role, comparison

    def log_role_curve(self, role: str, trial_id: str, curve: Sequence[Row]) -> None:
        """A compared trial's curve on the sweep's own run, as ``val_mse/best``.

        MLflow cannot take points back: when an extended sweep has a new best, its curve is
        ``val_mse/best_ID`` beside the earlier one.
        """
        parent, tag = self.parent(), f"curve.{role}"
        shown = self.client.get_run(parent).data.tags.get(tag, trial_id)
        key = pages.role_metric(role, None if shown == trial_id else trial_id)
        self.client.set_tag(parent, tag, shown)
        for start in range(0, len(curve), ROWS_PER_BATCH):
            metrics = [
                Metric(key, row["val_mse"], self._time_ms(row), round(row["cost"]))
                for row in curve[start : start + ROWS_PER_BATCH]
            ]
            self.client.log_batch(parent, metrics=metrics)

    def _time_ms(self, row: Row) -> int:
        return self.start_ms + round(1000 * row["wall_s"])

    def log_file(self, file: Path, folder: str | None) -> None:
        """Put a file among the artifacts of the sweep's own run, in place of an older one."""
        self.client.log_artifact(self.parent(), str(file), folder)

    def log_environment(self) -> None:
        """Put ``environment.json`` among the artifacts."""
        assert self._state is not None
        self.client.log_dict(self.parent(), self._state.environment, "environment.json")

    def end_sweep(self, status: str) -> None:
        """Close the sweep's own run."""
        ended = {"finished": "FINISHED", "failed": "FAILED"}.get(status, "KILLED")
        self.client.set_terminated(self.parent(), status=ended)

    def _log_data(self, run_id: str) -> None:
        assert self._state is not None
        data = self._state.trained_on
        source = json.dumps({"source": data["source"]})
        dataset = Dataset(data["name"], data["digest"][:36], "code", source)
        self.client.log_inputs(run_id, [DatasetInput(dataset)])


def sweep_metrics(
    records: Iterable[TrialRecord], counters: Mapping[str, Any], start_ms: int
) -> list[Metric]:
    """The sweep's own metrics against the number of trials that have ended."""
    records = list(records)
    ended = [record.ended_s for record in records if record.result and record.ended_s]
    now_ms = round(1000 * max(ended)) if ended else start_ms
    metrics = [
        Metric(pages.LIVE, cost, round(1000 * time_s), count)
        for count, time_s, cost in pages.best_so_far(records)
    ]
    metrics += [
        Metric(f"operators/{name}", float(value), now_ms, len(ended))
        for name, value in counters.items()
        if isinstance(value, int | float)
    ]
    return metrics


def _identity(state: SweepState) -> str:
    """What names a sweep for good: two of one name do not begin in the same second."""
    return f"{state.name} {state.created}"


def _mirror(run: Run, rows: int | None = None) -> Mirror:
    deleted = run.info.lifecycle_stage == "deleted"
    return Mirror(
        run_id=run.info.run_id,
        start_ms=run.info.start_time,
        role=run.data.tags["role"],
        comparison=run.data.tags.get(pages.COMPARISON, ""),
        rows=rows,
        running=run.info.status == "RUNNING",
        ended=deleted or run.info.status in STATUSES.values(),
        deleted=deleted,
    )


def _ms(seconds: float | None) -> int:
    return round(1000 * (time.time() if seconds is None else seconds))


def _params(values: Mapping[str, str]) -> list[Param]:
    return [Param(name, value) for name, value in values.items()]


def _tags(values: Mapping[str, str]) -> list[RunTag]:
    return [RunTag(name, value) for name, value in values.items()]


def _curve_metrics(rows: Sequence[Row], start_ms: int) -> list[Metric]:
    return [
        Metric(
            name,
            float(row[name]),  # type: ignore[literal-required]  # names of Row
            start_ms + round(1000 * row["wall_s"]),
            round(row["cost"]),
        )
        for row in rows
        for name in CURVE_METRICS
        if name in row
    ]
