"""A sweep's own Ray: on loopback only, and closed to whoever has not its token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.raylets import PATIENCE_S

ROOT = str(Path(__file__).parents[2])
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
DRIVER = """
import json, os, pathlib, subprocess, sys
import ray
from msann_sweep.config import SweepConfig
from msann_sweep.sweep import cluster
from tests.raylets import descendants

cluster.connect(SweepConfig(name="sweep"))
token = os.environ["RAY_AUTH_TOKEN"]
mode, known = ray.get(ray.remote(lambda: (os.environ["RAY_AUTH_MODE"],
                                          os.environ["RAY_AUTH_TOKEN"])).remote())
sockets = set()
for pid in [os.getpid(), *descendants(os.getpid())]:
    for file in pathlib.Path(f"/proc/{pid}/fd").glob("*"):
        try:
            sockets.add(os.readlink(file))
        except OSError:
            continue
listening = []
for table in ("tcp", "tcp6"):
    for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
            listening.append(fields[1].partition(":")[0])
session = pathlib.Path(ray._private.worker._global_node.get_session_dir_path())
written = [str(file) for file in session.rglob("*")
           if file.is_file() and token.encode() in file.read_bytes()]
stranger = subprocess.run(
    [sys.executable, "-c", "import sys, ray; ray._raylet.GcsClient(address=sys.argv[1])",
     ray.get_runtime_context().gcs_address],
    env={**os.environ, "RAY_AUTH_TOKEN": "0" * 64}, capture_output=True, text=True,
)
print(json.dumps({"token": token, "known": known, "mode": mode, "listening": listening,
                  "written": written, "stranger": [stranger.returncode, stranger.stderr]}))
"""


@pytest.mark.slow
def test_a_sweeps_own_ray_is_private(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    answer = subprocess.run(
        [sys.executable, "-c", DRIVER], cwd=tmp_path, timeout=PATIENCE_S,
        env={**kept, "PYTHONPATH": ROOT, "HOME": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    seen: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    assert len(seen["token"]) == 64
    assert (seen["mode"], seen["known"]) == ("token", seen["token"])
    assert len(seen["listening"]) > 3
    assert set(seen["listening"]) <= LOOPBACK
    code, errors = seen["stranger"]
    assert code != 0
    assert "AuthenticationError" in errors
    # Neither where Ray keeps its logs nor where it would keep a token.
    assert seen["written"] == []
    assert not (tmp_path / ".ray").exists()
    assert seen["token"] not in answer.stderr


WARNED = """
import pathlib, time
import ray
from ray._private.utils import publish_error_to_driver
from msann_sweep.config import SweepConfig
from msann_sweep.sweep import cluster
from msann_sweep.sweep.log import logging_to

cluster.connect(SweepConfig(name="sweep"))
log = pathlib.Path("log.txt")
with logging_to(log):
    while not log.exists():  # what is said before Ray listens, nobody hears
        client = ray._private.worker.global_worker.gcs_client
        publish_error_to_driver("worker_pool_large", "WARNING: so many\\nprocesses", client)
        time.sleep(0.1)
cluster.disconnect()
print("{}")
"""


@pytest.mark.slow
def test_what_ray_warns_of_is_logged_and_not_printed(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", WARNED], cwd=tmp_path, timeout=PATIENCE_S,
        env={**os.environ, "PYTHONPATH": ROOT}, capture_output=True, text=True,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "{}\n"
    first = (tmp_path / "log.txt").read_text().splitlines()[0]
    assert first.endswith("  sweep      ray          WARNING: so many processes")
