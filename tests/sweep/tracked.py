"""A sweep's record made up for tests of what MLflow is told of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run

from msann_sweep.config import SweepConfig, load_search_space
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.record import SweepDirectory, SweepState, TrialRecord
from msann_sweep.sweep.tracking import Tracker, tracking_uri
from msann_sweep.training import Row, summarise

DATA = {"name": "one_object", "digest": "abc", "source": "seed 1", "description": "one object"}
SPACE = """
name: recorded
task: {kind: one_object, n: 6}
network: {layers: [64, 8, 64]}
space: {L: {int: [0, 3]}, gamma: {choice: [1, 2], when: {L: ">0"}}}
"""


def rows(count: int, start: float = 1.0) -> list[Row]:
    """A curve that falls from ``start``, with fractions of examples as cost."""
    return [
        Row(val_mse=start / (i + 1), cost=i * 1.6, wall_s=i / 10, level=i % 2, steps_per_level=[i])
        for i in range(count)
    ]


class Recorded:
    """A sweep's directory, with what a recorder does to it and to the tracker."""

    def __init__(self, folder: Path, *overrides: str) -> None:
        file = folder / "space.yaml"
        file.write_text(SPACE)
        self.config: SweepConfig = load_search_space(
            file, [f"storage={folder / 'runs'}", *overrides]
        )
        (folder / "runs").mkdir(exist_ok=True)
        self.directory = SweepDirectory.create(self.config)
        self.state = SweepState(
            name="recorded", status="running", created="2026-01-01T00:00:00+00:00"
        )
        self.state.trained_on = dict(DATA)
        self.records: dict[str, TrialRecord] = {}
        self.curves: dict[str, list[Row]] = {}

    def tracker(self) -> Tracker:
        """A tracker as at the start of a part of the sweep."""
        tracker = Tracker.connect(self.config)
        tracker.open_sweep(self.directory, self.state)
        return tracker

    def start(self, tracker: Tracker | None, trial_id: str, **params: Any) -> None:
        """A trial begins."""
        role = "default" if trial_id == "default" else "sample"
        assignment = Assignment(trial_id, trial_id, role, 3, {"L": 2, "gamma": 1, **params})
        self.records[trial_id] = TrialRecord(assignment, started_s=time.time())
        self.curves[trial_id] = []
        self.directory.started(assignment)
        self._sync(tracker, trial_id)

    def advance(self, tracker: Tracker | None, trial_id: str, more: list[Row]) -> None:
        """A trial is evaluated."""
        for row in more:
            self.curves[trial_id].append(row)
            self.directory.add_rows(trial_id, [row])
            self._sync(tracker, trial_id)

    def end(self, tracker: Tracker | None, trial_id: str, **fields: Any) -> None:
        """A trial has its result."""
        known = {"status": "finished", "stop_reason": "target", "message": None}
        record = self.records[trial_id]
        record.result = summarise(
            self.curves[trial_id],
            target=0.1,
            params=record.assignment.params,
            seed=3,
            **(known | fields),
        )
        record.ended_s = time.time()
        self.directory.ended(trial_id, record.result)
        self._sync(tracker, trial_id)

    def trial(
        self, tracker: Tracker | None, trial_id: str, curve: list[Row], **params: Any
    ) -> None:
        """A whole trial."""
        self.start(tracker, trial_id, **params)
        self.advance(tracker, trial_id, curve)
        self.end(tracker, trial_id)

    def close(self, tracker: Tracker, status: str = "finished") -> None:
        """The sweep ends, or this part of it."""
        tracker.sync_sweep(self.records, "one object", {"built": 3, "keys": ["a"]})
        tracker.sync_roles(self.records, self.directory.curve)
        running = [record for record in self.records.values() if not record.result]
        tracker.end_sweep(status, [(record, self.curves[record.id]) for record in running])

    def _sync(self, tracker: Tracker | None, trial_id: str) -> None:
        if tracker:
            tracker.sync_trial(self.records[trial_id], self.curves[trial_id])

    # What MLflow has.

    def client(self) -> MlflowClient:
        """A client of the sweep's store."""
        return MlflowClient(tracking_uri(self.config))

    def runs(self) -> dict[str, Run]:
        """Every run by trial id; the sweep's own under "sweep". Fails where one is there twice."""
        client = self.client()
        experiment = client.get_experiment_by_name("msann")
        assert experiment
        found = client.search_runs([experiment.experiment_id])
        named = {run.data.tags.get("trial", "sweep"): run for run in found}
        assert len(named) == len(found)
        return named

    def check_equal(self) -> None:
        """MLflow has the record: every trial once, every curve whole, no point twice."""
        client, runs = self.client(), self.runs()
        assert runs.keys() == {"sweep", *self.records}
        for trial_id, record in self.records.items():
            run_id = runs[trial_id].info.run_id
            curve = self.directory.curve(trial_id)
            for name in ("val_mse", "cost", "wall_s", "level"):
                history = client.get_metric_history(run_id, name)
                assert [point.value for point in history] == [row[name] for row in curve]  # type: ignore[literal-required]
                assert [point.step for point in history] == [round(row["cost"]) for row in curve]
            if record.result:
                metrics = runs[trial_id].data.metrics
                assert metrics["cost_to_tenth"] == record.result.cost_to_tenth
                assert len(client.get_metric_history(run_id, "final_mse")) == 1
