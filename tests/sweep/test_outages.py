"""A real tracking server that goes away, for a while or for good."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from msann_sweep.sweep import tracking
from msann_sweep.sweep.mlflow_connection import connect
from msann_sweep.sweep.mlflow_runs import MlflowRuns
from msann_sweep.sweep.tracking import Tracker
from tests.sweep.serving import PATIENCE_S, TrackingServer, until
from tests.sweep.tracked import Recorded, rows


@pytest.mark.slow
def test_what_an_outage_held_up_is_written_once_in_the_end(
    tmp_path: Path, server: TrackingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Recorded(tmp_path, f"tracking.uri={server.server.url}")
    page = tmp_path / "index.html"
    page.write_text("<h1>early</h1>")
    tracker = sweep.tracker()
    tracker.log_page(page)
    sweep.start(tracker, "t0000")
    sweep.advance(tracker, "t0000", rows(300)[:100])
    sweep.trial(tracker, "t0001", rows(50))
    until(lambda: tracker.run_id)
    server.kill()  # in the middle of writing
    sweep.advance(tracker, "t0000", rows(300)[100:200])
    sweep.trial(tracker, "t0002", rows(40))
    page.write_text("<h1>late</h1>")
    tracker.log_page(page)
    until(lambda: tracker.trouble)
    server.start()
    until(lambda: not tracker.trouble)

    server.kill()  # for good, as far as this part of the sweep goes
    sweep.advance(tracker, "t0000", rows(300)[200:])
    sweep.end(tracker, "t0000")
    monkeypatch.setattr(tracking, "PATIENCE_S", 1.0)
    sweep.close(tracker)
    assert tracker.lost
    assert "could not be written" in tracker.lost

    server.start()
    monkeypatch.setattr(tracking, "PATIENCE_S", PATIENCE_S)
    resumed = sweep.tracker()
    sweep.close(resumed)
    assert resumed.lost is None
    assert resumed.run_id == tracker.run_id
    sweep.check_equal()
    assert {run.info.status for run in sweep.runs().values()} == {"FINISHED"}
    kept = sweep.client().download_artifacts(str(tracker.run_id), "report/index.html")
    assert Path(kept).read_text() == "<h1>late</h1>"


@pytest.mark.slow
def test_a_trial_that_begins_in_an_outage_makes_no_run_twice(
    tmp_path: Path, server: TrackingServer
) -> None:
    sweep = Recorded(tmp_path, f"tracking.uri={server.server.url}")
    sweep.trial(None, "t0000", rows(20))
    runs = MlflowRuns(*connect(sweep.config, server.server.url), sweep.config)
    runs.open(sweep.state)

    def sync(trial_id: str) -> None:
        runs.sync_trial(sweep.records[trial_id], sweep.curves[trial_id], cut_off=False)

    sync("t0000")
    server.kill()
    sweep.trial(None, "t0001", rows(10))
    for _ in range(2):
        with pytest.raises(MlflowException):
            sync("t0001")
    server.start()
    sync("t0001")
    sync("t0000")
    sweep.check_equal()


def test_a_sweeps_run_cut_off_while_it_was_made_is_made_whole(sweep: Recorded) -> None:
    tracker = sweep.tracker()
    sweep.close(tracker)
    whole = sweep.runs()["sweep"]
    sweep.client().delete_run(whole.info.run_id)
    half = sweep.client().create_run(whole.info.experiment_id, tags=whole.data.tags)
    again = sweep.tracker()
    sweep.close(again)
    assert again.run_id == half.info.run_id
    found = sweep.runs()["sweep"]
    assert found.data.params == whole.data.params
    assert found.inputs.dataset_inputs[0].dataset.name == "one_object"


def test_a_store_that_takes_no_files_loses_no_record(
    sweep: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "PATIENCE_S", 3.0)
    blocked = Path(sweep.config.storage) / "mlartifacts"
    blocked.write_text("a file where the folder of artifacts would be")
    tracker = sweep.tracker()
    sweep.trial(tracker, "t0000", rows(30))
    sweep.close(tracker)
    sweep.check_equal()
    assert sweep.runs()["sweep"].info.status == "FINISHED"
    assert tracker.lost
    assert "2 files could not be written" in tracker.lost
    blocked.unlink()
    again: Tracker = sweep.tracker()
    sweep.close(again)
    assert again.lost is None
    found = sweep.client().list_artifacts(str(again.run_id))
    assert {each.path for each in found} == {"sweep.yaml", "environment.json"}
