"""What MLflow is told, against a real SQLite store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from msann_sweep.config import SweepConfig, load_search_space
from msann_sweep.errors import TrackingError
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.tracking import Tracker, masked, tracking_uri
from msann_sweep.training import Row, summarise

DATA = {"name": "one_object", "digest": "abc", "source": "seed 1", "description": "one object"}
ASSIGNMENT = Assignment("t0000", "t0000", "sample", 3, {"L": 2})


@pytest.fixture
def config(tmp_path: Path) -> SweepConfig:
    file = tmp_path / "space.yaml"
    file.write_text("task: {kind: one_object, n: 6}\nnetwork: {layers: [64, 8, 64]}")
    return load_search_space(file, [f"storage={tmp_path}"])


def rows(count: int) -> list[Row]:
    return [
        Row(val_mse=1 / (i + 1), cost=i * 1.6, wall_s=i / 10, level=i % 2, steps_per_level=[i])
        for i in range(count)
    ]


def started(config: SweepConfig) -> Tracker:
    tracker = Tracker.connect(config)
    tracker.start_sweep(config, Path(config.storage) / "space.yaml", {"python": "3"}, DATA)
    return tracker


def result_of(curve: list[Row], **fields: Any) -> Any:
    known = {"status": "finished", "stop_reason": "target", "message": None}
    return summarise(curve, target=0.1, params={}, seed=3, **(known | fields))


def test_a_trial_becomes_a_child_run_with_its_whole_curve(config: SweepConfig) -> None:
    tracker = started(config)
    run_id = tracker.start_trial(ASSIGNMENT, {"L": 2, "gamma": 1}, DATA)
    assert run_id
    curve = rows(450)  # more than one batch
    for row in curve:
        tracker.add_row(run_id, row)
    result = result_of(curve)
    tracker.end_trial(run_id, result)
    tracker.end_sweep("finished", [])
    client = MlflowClient(tracking_uri(config))
    run = client.get_run(run_id)
    assert run.data.tags["mlflow.parentRunId"] == tracker.run_id
    assert run.data.params == {"L": "2", "gamma": "1", "seed": "3"}
    assert run.data.metrics["cost_to_tenth"] == result.cost_to_tenth
    assert run.info.status == "FINISHED"
    history = client.get_metric_history(run_id, "val_mse")
    assert [point.value for point in history] == [row["val_mse"] for row in curve]
    assert [point.step for point in history] == [round(row["cost"]) for row in curve]
    assert client.get_run(str(tracker.run_id)).info.status == "FINISHED"


def test_a_failed_trial_has_its_reason_and_no_made_up_cost(config: SweepConfig) -> None:
    tracker = started(config)
    run_id = tracker.start_trial(ASSIGNMENT, {}, DATA)
    assert run_id
    result = result_of(rows(2), status="failed", stop_reason="non_finite", message="MSE nan")
    tracker.end_trial(run_id, result)
    run = MlflowClient(tracking_uri(config)).get_run(run_id)
    assert run.info.status == "FAILED"
    assert run.data.tags["stopped"] == "non_finite"
    assert run.data.tags["message"] == "MSE nan"
    assert "cost_to_tenth" not in run.data.metrics


def test_going_on_uses_the_same_parent_and_discards_the_cut_off_trial(config: SweepConfig) -> None:
    first = started(config)
    cut_off = first.start_trial(ASSIGNMENT, {}, DATA)
    second = Tracker.connect(config)
    second.continue_sweep(first.run_id)
    second.discard_trial(cut_off)
    again = second.start_trial(ASSIGNMENT, {}, DATA)
    assert second.experiment_id == first.experiment_id
    found = MlflowClient(tracking_uri(config)).search_runs([first.experiment_id])
    assert {run.info.run_id for run in found} == {first.run_id, again}


def test_a_server_that_does_not_answer_is_named_without_its_password(config: SweepConfig) -> None:
    uri = "http://somebody:secret@127.0.0.1:9/"
    tracking = config.tracking.model_copy(update={"uri": uri})
    with pytest.raises(TrackingError, match=r"cannot reach http://somebody:\*\*\*@127") as caught:
        Tracker.connect(config.model_copy(update={"tracking": tracking}))
    assert "secret" not in str(caught.value)


def test_a_store_lost_in_mid_sweep_does_not_end_it(config: SweepConfig) -> None:
    tracker = started(config)
    run_id = tracker.start_trial(ASSIGNMENT, {}, DATA)
    MlflowClient(tracking_uri(config)).delete_run(str(run_id))
    tracker.end_trial(run_id, result_of(rows(3)))
    assert tracker.lost
    assert tracker.start_trial(ASSIGNMENT, {}, DATA) is None


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://user:secret@host:5000", "http://user:***@host:5000"),
        ("http://host:5000", "http://host:5000"),
        ("sqlite:///runs/mlflow.db", "sqlite:///runs/mlflow.db"),
    ],
)
def test_passwords_are_masked(uri: str, shown: str) -> None:
    assert masked(uri) == shown
