"""What MLflow is told, against a real SQLite store."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from msann_sweep.errors import ServerError, TrackingError
from msann_sweep.sweep import mlflow_pages as pages
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.summary import compare_samples
from msann_sweep.sweep.tracking import ReportTarget, Tracker
from msann_sweep.training import Row
from tests.sweep.test_objective_and_summary import result
from tests.sweep.tracked import Recorded, rows


def test_a_trial_becomes_a_child_run_with_its_whole_curve(sweep: Recorded) -> None:
    tracker = sweep.tracker()
    sweep.trial(tracker, "t0000", rows(450))  # more than one batch
    sweep.close(tracker)
    assert tracker.lost is None
    sweep.check_equal()
    parent, run = (sweep.runs()[name] for name in ("sweep", "t0000"))
    assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id == tracker.run_id
    assert {name: run.data.params[name] for name in ("L", "gamma", "seed")} == {
        "L": "2",
        "gamma": "1",
        "seed": "3",
    }
    assert "batch_size" not in run.data.params
    assert parent.data.params["batch_size"] == "128"
    assert run.info.run_name == "recorded best: γ1 L2 k1 path exact lr 0.0005"
    assert run.data.tags["stopped"] == "target"
    assert {run.info.status, parent.info.status} == {"FINISHED"}
    assert run.inputs.dataset_inputs[0].dataset.name == "one_object"


class EndsMeanwhile(list[Row]):
    """A curve that has grown, and whose trial has ended, by the time that a copy of it is made."""

    def __init__(self, known: list[Row], end: Callable[[], None]) -> None:
        super().__init__(known)
        self.end = end

    def __getitem__(self, key: Any) -> Any:
        copied = super().__getitem__(key)
        if isinstance(key, slice):
            self.end()
        return copied


def test_a_trial_that_ends_while_it_is_written_is_written_whole(sweep: Recorded) -> None:
    tracker = sweep.tracker()
    sweep.start(None, "t0000")
    ended = threading.Event()

    def end() -> None:
        if not ended.is_set():
            sweep.advance(None, "t0000", rows(20)[6:])
            sweep.end(None, "t0000")
            ended.set()

    sweep.advance(None, "t0000", rows(20)[:6])
    record, curve = sweep.records["t0000"], sweep.curves["t0000"]
    tracker.sync_trial(record, EndsMeanwhile(curve, end))
    assert ended.wait(60)
    tracker.sync_trial(record, curve)
    sweep.close(tracker)
    sweep.check_equal()


def test_relative_time_is_seconds_of_training(sweep: Recorded) -> None:
    tracker = sweep.tracker()
    sweep.trial(tracker, "t0000", rows(30))
    sweep.close(tracker)
    run = sweep.runs()["t0000"]
    history = sweep.client().get_metric_history(run.info.run_id, "val_mse")
    assert [point.timestamp - run.info.start_time for point in history] == [
        round(1000 * row["wall_s"]) for row in rows(30)
    ]


def test_a_failed_trial_has_its_reason_and_no_made_up_cost(sweep: Recorded) -> None:
    tracker = sweep.tracker()
    sweep.start(tracker, "t0000")
    sweep.advance(tracker, "t0000", rows(2))
    sweep.end(tracker, "t0000", status="failed", stop_reason="non_finite", message="MSE nan")
    sweep.close(tracker, "failed")
    run = sweep.runs()["t0000"]
    assert run.info.status == sweep.runs()["sweep"].info.status == "FAILED"
    assert run.data.tags["stopped"] == "non_finite"
    assert run.data.tags["message"] == "MSE nan"
    assert "cost_to_tenth" not in run.data.metrics


def test_a_cut_off_trial_goes_on_in_its_run(sweep: Recorded) -> None:
    first = sweep.tracker()
    sweep.start(first, "t0000")
    sweep.advance(first, "t0000", rows(20)[:7])
    sweep.close(first, "interrupted")
    assert sweep.runs()["t0000"].info.status == "KILLED"
    sweep.check_equal()
    second = sweep.tracker()
    sweep.advance(second, "t0000", rows(20)[7:])
    sweep.end(second, "t0000")
    sweep.close(second)
    assert second.run_id == first.run_id
    assert sweep.runs()["t0000"].info.status == "FINISHED"
    sweep.check_equal()


def test_resuming_writes_what_mlflow_never_got(sweep: Recorded) -> None:
    first = sweep.tracker()
    sweep.start(first, "t0000")
    sweep.advance(first, "t0000", rows(20)[:7])
    sweep.close(first, "interrupted")
    sweep.advance(None, "t0000", rows(20)[7:])
    sweep.end(None, "t0000")
    sweep.trial(None, "t0001", rows(30, start=2.0))
    second = sweep.tracker()
    sweep.close(second)
    sweep.check_equal()


def test_writing_all_of_it_again_changes_nothing(sweep: Recorded) -> None:
    for _ in range(3):
        tracker = sweep.tracker()
        if not sweep.records:
            sweep.trial(tracker, "default", rows(20), L=0)
            sweep.trial(tracker, "t0000", rows(30))
        sweep.close(tracker)
        sweep.check_equal()
        client, parent = sweep.client(), sweep.runs()["sweep"]
        curve = client.get_metric_history(parent.info.run_id, "val_mse/best")
        assert [point.value for point in curve] == [row["val_mse"] for row in rows(30)]
        best = client.get_metric_history(parent.info.run_id, "best_cost_to_tenth")
        assert [point.step for point in best] == [2]


def test_a_run_deleted_in_mlflow_stays_deleted(sweep: Recorded) -> None:
    first = sweep.tracker()
    sweep.trial(first, "t0000", rows(20))
    sweep.trial(first, "t0001", rows(20))
    sweep.close(first)
    sweep.client().delete_run(sweep.runs()["t0000"].info.run_id)
    second = sweep.tracker()
    cheaper = [row | {"cost": row["cost"] / 2} for row in rows(20)]
    sweep.trial(second, "t0002", cheaper)
    sweep.close(second)
    assert second.lost is None
    runs = sweep.runs()
    assert runs.keys() == {"sweep", "t0001", "t0002"}
    # The deleted one was best until now, and may not be written to.
    assert runs["t0002"].data.tags["role"] == "best"


def test_what_a_person_sees_first(sweep: Recorded) -> None:
    tracker = sweep.tracker()
    sweep.trial(tracker, "default", rows(40), L=0)
    sweep.trial(tracker, "t0000", rows(15))
    sweep.trial(tracker, "t0001", rows(30, start=0.5), gamma=2)
    sweep.close(tracker)
    client, runs = sweep.client(), sweep.runs()
    roles = {name: run.data.tags.get("role") for name, run in runs.items()}
    assert roles == {"sweep": None, "default": "default", "t0000": "best", "t0001": "worst"}
    parent = runs["sweep"]
    text = parent.data.tags["mlflow.note.content"]
    table = [line.replace("&emsp;", "").split() for line in text.splitlines()]
    assert table[2][:4] == ["|", "**Best", "MsANN**", "|"]
    assert table[4][:3] == ["|", "**Default**", "|"]
    assert table[5] == ["|", "**Tuned", "default**", "|", "|", "|", "|", "none", "yet", "|", "|"]
    assert parent.data.metrics["operators/built"] == 3
    assert {"val_mse/best", "val_mse/worst", "val_mse/default"} <= parent.data.metrics.keys()
    experiment = client.get_experiment(parent.info.experiment_id)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_only_those_compared_now_are_named_and_found_as_such(sweep: Recorded) -> None:
    def trial(tracker: Tracker, trial_id: str, cost: float, **params: float) -> None:
        curve = [row | {"cost": row["cost"] * cost} for row in rows(20)]
        sweep.trial(tracker, trial_id, curve, **params)  # type: ignore[arg-type]

    first = sweep.tracker()
    trial(first, "default", 4.0, L=0)
    trial(first, "t0000", 2.0, gamma=1)
    trial(first, "t0001", 3.0, gamma=2)
    sweep.close(first)
    before = sweep.runs()["t0000"].info
    assert before.run_name == "recorded best: γ1 L2 k1 path exact lr 0.0005"
    second = sweep.tracker()
    trial(second, "t0002", 1.0, L=3)
    sweep.close(second)
    for _ in range(2):
        runs = sweep.runs()
        assert {name: run.info.run_name for name, run in runs.items()} == {
            "sweep": "recorded",
            "default": "recorded default: default",
            "t0000": "γ1 L2 k1 path exact lr 0.0005",
            "t0001": "recorded worst: γ2 L2 k1 path exact lr 0.0005",
            "t0002": "recorded best: γ1 L3 k1 path exact lr 0.0005",
        }
        assert (before.status, before.end_time) == (
            runs["t0000"].info.status,
            runs["t0000"].info.end_time,
        )
        (experiment_id,) = {run.info.experiment_id for run in runs.values()}
        found = sweep.client().search_runs([experiment_id], "tags.comparison != ''")
        shown = {run.info.run_id for run in found}
        assert {name for name, run in runs.items() if run.info.run_id in shown} == {
            *("sweep", "default", "t0001", "t0002")
        }
        sweep.close(sweep.tracker())  # resumed with nothing to do


def test_an_experiment_of_an_earlier_version_gets_todays_view_and_tags(sweep: Recorded) -> None:
    first = sweep.tracker()
    sweep.trial(first, "default", rows(40), L=0)
    sweep.trial(first, "t0000", rows(30))
    sweep.trial(first, "t0001", rows(35))
    sweep.trial(first, "t0002", rows(33))
    sweep.close(first)
    client, runs = sweep.client(), sweep.runs()
    experiment_id = runs["sweep"].info.experiment_id
    todays = client.get_experiment(experiment_id).tags
    for run in runs.values():
        if "comparison" in run.data.tags:
            client.delete_tag(run.info.run_id, "comparison")
    compared = {name for name, run in runs.items() if run.data.tags.get("comparison")}
    assert len(compared) == 4
    view, note = "mlflow.sharedViewState.curves", "mlflow.note.content"
    for name in (view, note):
        client.set_experiment_tag(experiment_id, name, "an earlier one")
    sweep.close(sweep.tracker())
    found = client.search_runs([experiment_id], "tags.comparison != ''")
    assert {run.data.tags.get("trial", "sweep") for run in found} == compared
    assert len({run.data.tags["comparison"] for run in found}) == 1
    tags = client.get_experiment(experiment_id).tags
    assert tags[view] == todays[view]
    assert tags[note] == "an earlier one"


def test_a_new_best_has_its_curve_beside_the_earlier_one(sweep: Recorded) -> None:
    first = sweep.tracker()
    sweep.trial(first, "t0000", rows(30))
    sweep.close(first)
    second = sweep.tracker()
    better = [row | {"cost": row["cost"] / 2} for row in rows(20)]
    sweep.trial(second, "t0001", better)  # type: ignore[arg-type]
    sweep.close(second)
    runs = sweep.runs()
    assert runs["t0001"].data.tags["role"] == "best"
    assert runs["t0000"].data.tags["role"] == "worst"
    parent = runs["sweep"]
    assert parent.data.tags["best"] == "t0001"
    history = sweep.client().get_metric_history(parent.info.run_id, "val_mse/best_t0001")
    assert [point.value for point in history] == [row["val_mse"] for row in better]
    kept = sweep.client().get_metric_history(parent.info.run_id, "val_mse/best")
    assert [point.value for point in kept] == [row["val_mse"] for row in rows(30)]


def test_a_report_goes_into_the_run_of_a_sweep_that_has_ended(
    sweep: Recorded, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in ("index.html", "curves.png", "curves.csv")]
    for file in files:
        file.write_text("early")
    with pytest.raises(TrackingError, match="has no run of sweep 'recorded'; `resume` writes it"):
        ReportTarget.of(sweep.config, sweep.state)
    tracker = sweep.tracker()
    tracker.log_page(files[0])
    sweep.close(tracker)
    ended = sweep.runs()["sweep"]
    for text in ("late", "later"):
        for file in files:
            file.write_text(text)
        ReportTarget.of(sweep.config, sweep.state).log(files)
    client, run_id = sweep.client(), ended.info.run_id
    for file in files:
        kept = client.download_artifacts(run_id, f"report/{file.name}")
        assert Path(kept).read_text() == "later"
    assert {name: vars(run.info) for name, run in sweep.runs().items()} == {
        "sweep": vars(ended.info)
    }


def test_a_store_that_takes_no_report_is_named(sweep: Recorded) -> None:
    tracker = sweep.tracker()
    sweep.close(tracker)
    blocked = Path(sweep.config.storage) / "mlartifacts"
    shutil.rmtree(blocked)
    blocked.write_text("a file where the folder of artifacts would be")
    target = ReportTarget.of(sweep.config, sweep.state)
    with pytest.raises(ServerError, match="does not take the report"):
        target.log([Path(__file__)])


def test_a_server_that_does_not_answer_is_named_without_its_password(
    sweep: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")  # set from the URI, and as before after the test
    tracking = sweep.config.tracking.model_copy(
        update={"uri": "http://somebody:secret@127.0.0.1:9/"}
    )
    config = sweep.config.model_copy(update={"tracking": tracking})
    with pytest.raises(TrackingError, match=r"cannot reach http://somebody:\*\*\*@127") as caught:
        Tracker.connect(config)
    assert "secret" not in str(caught.value)


def test_the_description_states_means_over_seeds(sweep: Recorded) -> None:
    records = {}
    for seed, cost in ((1, 100.0), (2, 300.0)):
        assignment = Assignment(f"t0000.{seed}", "t0000", "sample", seed, {"L": 2})
        ended = result(cost_to_tenth=cost, params={"L": 2, "learning_rate": 0.1})
        records[assignment.id] = TrialRecord(assignment, ended)
    compared = compare_samples(records.values())
    text = pages.sweep_description(sweep.config, "one object", records, compared)
    (best,) = (line for line in text.splitlines() if "Best MsANN" in line)
    assert "200 ± 100" in best
    assert "t0000&emsp;" in best
    assert "none yet" in next(line for line in text.splitlines() if "**Default**" in line)
