"""A sweep that is given a password writes it nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from msann_sweep.config import load_search_space
from msann_sweep.errors import TrackingError
from msann_sweep.sweep.tracking import Tracker
from tests.sweep.serving import TrackingServer
from tests.sweep.tracked import Recorded, rows

PASSWORD = "correct-horse-battery"
SMOKE = Path(__file__).parents[2] / "search_spaces" / "smoke.yaml"


@pytest.fixture
def ray_folder() -> Iterator[Path]:
    """Where Ray keeps its logs; the names of its sockets admit short paths only."""
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as folder:
        yield Path(folder)


def with_password(folder: Path) -> list[Path]:
    """The files below a folder that hold the password."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    return [file for file in files if PASSWORD.encode() in file.read_bytes()]


def secret_uri(server: TrackingServer) -> str:
    """The server's address with a password, which a server without users does not look at."""
    return server.server.url.replace("://", f"://somebody:{PASSWORD}@")


def test_the_file_keeps_the_uri_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "")
    uri = f"http://somebody:{PASSWORD}@127.0.0.1:9"
    config = load_search_space(SMOKE, [f"tracking.uri={uri}"])
    assert config.tracking.uri == uri
    file = tmp_path / "kept.yaml"
    file.write_text(config.to_yaml())
    assert "uri: http://somebody:***@127.0.0.1:9" in file.read_text()
    assert config.without_secrets().tracking.uri is None
    kept = load_search_space(file)
    with pytest.raises(TrackingError, match="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_P"):
        Tracker.connect(kept)


@pytest.mark.slow
def test_a_resumed_sweep_takes_the_password_from_the_environment(
    tmp_path: Path, server: TrackingServer, ray_folder: Path
) -> None:
    small = ("--set", "search.trials=1", "--set", "search.baselines=false")
    tracked = ("--set", f"tracking.uri={secret_uri(server)}")
    launched = subprocess.run(
        [sys.executable, "-m", "msann_sweep", "launch", SMOKE, *small, *tracked],
        cwd=tmp_path,
        env=os.environ | {"RAY_TMPDIR": str(ray_folder)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert launched.returncode == 0, launched.stderr
    assert PASSWORD not in launched.stdout + launched.stderr
    login = {"MLFLOW_TRACKING_USERNAME": "somebody", "MLFLOW_TRACKING_PASSWORD": PASSWORD}
    resumed = subprocess.run(
        [sys.executable, "-m", "msann_sweep", "resume", "smoke"],
        cwd=tmp_path,
        env=os.environ | {"RAY_TMPDIR": str(ray_folder)} | login,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert resumed.returncode == 0, resumed.stderr
    assert PASSWORD not in resumed.stdout + resumed.stderr
    assert not with_password(tmp_path)
    assert not with_password(ray_folder)


def test_no_password_comes_with_what_is_said_of_an_outage(sweep: Recorded) -> None:
    tracker = sweep.tracker()
    sweep.start(tracker, "t0000")
    sweep.advance(tracker, "t0000", rows(3))
    message = f"cannot reach postgresql://me:{PASSWORD}@host/db"
    sweep.end(tracker, "t0000", status="failed", stop_reason="error", message=message)
    sweep.close(tracker, "failed")
    assert sweep.runs()["t0000"].data.tags["message"] == "cannot reach postgresql://me:***@host/db"
