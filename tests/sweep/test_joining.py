"""Sweeps on a cluster that runs already: real raylets, real deaths, real refusals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.raylets import PATIENCE_S, Raylets, free_port, wait_until

ROOT = Path(__file__).parents[2]
SPACE = """
task: {kind: one_object, n: 6}
network: {layers: [64, 16, 8, 16, 64]}
space:
  L: {int: [1, 3]}
  prolongation: {choice: [path, random]}
training: {budget_cost: 1.0e+15, batch_size: 32}
stopping: {on_target: continue, race_factor: null}
search: {trials: 4, baselines: false}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a search space whose trials never end by themselves."""
    (tmp_path / "space.yaml").write_text(SPACE)
    return tmp_path


def command(
    folder: Path, environment: Mapping[str, str], *arguments: str, package: Path = ROOT
) -> subprocess.Popen[str]:
    """The command line, which Ctrl-C reaches."""
    return subprocess.Popen(
        [sys.executable, "-m", "msann_sweep", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(package)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def launch(
    folder: Path, environment: Mapping[str, str], *options: str, package: Path = ROOT
) -> subprocess.Popen[str]:
    return command(folder, environment, "launch", "space.yaml", *options, package=package)


def refusal(process: subprocess.Popen[str]) -> str:
    """What a launch that was refused says, in one line."""
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2, errors
    assert "Traceback" not in errors
    message = errors.strip().splitlines()[-1]
    assert message.startswith("error: ")
    return message


@pytest.mark.parametrize("address", ["127.0.0.1", "http://there:1"])
def test_an_address_of_another_kind_is_refused(folder: Path, address: str) -> None:
    message = refusal(launch(folder, os.environ, "--address", address))
    assert f"resources.address: got {address}; allowed: auto, HOST:PORT of a" in message
    assert os.listdir(folder) == ["space.yaml"]


def test_where_nothing_listens_nothing_is_written(folder: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    message = refusal(launch(folder, os.environ, "--address", address))
    assert (
        f"resources.address: cannot join {address}: no cluster answers (Connection ref" in message
    )
    assert os.listdir(folder) == ["space.yaml"]


@pytest.mark.slow
def test_where_nobody_speaks_the_sweep_is_refused_in_time(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        message = refusal(launch(folder, os.environ, "--address", address))
        waited_s = time.monotonic() - began
    assert f"resources.address: cannot join {address}: no cluster answers within 6 s" in message
    assert waited_s < 15
    assert os.listdir(folder) == ["space.yaml"]


@pytest.mark.slow
def test_a_cluster_refuses_another_token_and_another_version(folder: Path) -> None:
    with Raylets(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="0123456789abcdef" * 4) as raylets:
        raylets.head(cpus=1)
        for settings in ({"RAY_AUTH_TOKEN": "f" * 64}, {"RAY_AUTH_MODE": "disabled"}):
            environment = {**raylets.environment, **settings}
            message = refusal(launch(folder, environment, "--address", raylets.address))
            assert (
                "it asks for another token; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN" in message
            )
            assert "0123456789abcdef" not in message
        pretend = (
            "import json, sys; from ray._raylet import GcsClient\n"
            "client = GcsClient(address=sys.argv[1])\n"
            "known = json.loads(client.internal_kv_get(b'CLUSTER_METADATA', b'cluster'))\n"
            "known['python_version'] = '3.9.1'\n"
            "changed = json.dumps(known).encode()\n"
            "client.internal_kv_put(b'CLUSTER_METADATA', changed, True, b'cluster')"
        )
        subprocess.run(
            [sys.executable, "-c", pretend, raylets.address],
            env=dict(raylets.environment), check=True, timeout=PATIENCE_S,
        )  # fmt: skip
        # "auto" is what RAY_ADDRESS names.
        environment = {**raylets.environment, "RAY_ADDRESS": raylets.address}
        message = refusal(launch(folder, environment, "--address", "auto"))
        assert "resources.address: cannot join auto: Version mismatch" in message
        assert "3.9.1" in message
    assert os.listdir(folder) == ["space.yaml"]


@pytest.mark.slow
@pytest.mark.skipif(
    subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0,
    reason="this machine does not let a node have mounts of its own",
)
def test_storage_that_a_node_does_not_see_is_refused(folder: Path) -> None:
    (folder / "store").mkdir()
    elsewhere = f'mount -t tmpfs tmpfs {folder / "store"} && exec "$0" "$@"'
    with Raylets() as raylets:
        raylets.head(cpus=0)
        raylets.add(cpus=1, before=("unshare", "-m", "sh", "-c", elsewhere))
        options = ("--address", raylets.address, "--set", "storage=store/runs")
        message = refusal(launch(folder, raylets.environment, *options))
    assert "storage: got store/runs; " in message
    assert "store is not the same folder on 1 of 2 nodes" in message
    assert sorted(os.listdir(folder)) == ["space.yaml", "store"]
    assert os.listdir(folder / "store") == []


def copied_package(folder: Path) -> Path:
    """A copy of this package that leaves its place in a file wherever a trial is imported."""
    package = shutil.copytree(
        ROOT / "msann_sweep", folder / "msann_sweep", ignore=shutil.ignore_patterns("__pycache__")
    )
    with (package / "sweep/trial.py").open("a") as file:
        file.write(
            f"\n(Path({str(folder)!r}) / f'imported-{{os.getpid()}}').write_text(__file__)\n"
        )
    return folder


class Watched:
    """A running sweep's record on disk."""

    def __init__(self, sweep: Path) -> None:
        self.sweep = sweep

    def lengths(self) -> dict[str, int]:
        """Evaluations so far by trial."""
        curves = (self.sweep / "curves").glob("*.jsonl")
        return {curve.stem: len(curve.read_text().splitlines()) for curve in curves}

    def training(self, count: int) -> bool:
        """Whether that many trials have been evaluated more than once."""
        return sum(length > 1 for length in self.lengths().values()) >= count


@pytest.mark.slow
def test_a_sweep_follows_its_cluster_as_nodes_come_and_go(folder: Path, tmp_path: Path) -> None:
    """Trials run until the test ends them; every node has room for one.

    They train on images that are in a file of the driver's, and deleted once it has read them.
    """
    (tmp_path / "package").mkdir()
    images = tmp_path / "images.npy"
    np.save(images, np.random.default_rng(1).integers(0, 256, (200, 8, 8), dtype=np.uint8))
    package = copied_package(tmp_path / "package")
    watched = Watched(folder / "runs/space")
    with Raylets() as raylets:
        raylets.head(cpus=0)
        first = raylets.add(cpus=1)
        task = f"task={{kind: images, file: {images}, shape: [8, 8]}}"
        # "auto" is what RAY_ADDRESS names.
        environment = {**raylets.environment, "RAY_ADDRESS": raylets.address}
        options = ("--address", "auto", "--set", task)
        driver = launch(folder, environment, *options, package=package)
        wait_until(lambda: watched.training(1), driver)
        images.unlink()
        assert set(watched.lengths()) == {"t0000"}
        raylets.add(cpus=1)
        wait_until(lambda: watched.training(2), driver)
        assert set(watched.lengths()) == {"t0000", "t0001"}
        raylets.kill(first)
        before = watched.lengths()["t0000"]
        raylets.add(cpus=1)
        wait_until(lambda: watched.lengths()["t0000"] > before + 1, driver)
        driver.send_signal(signal.SIGINT)
        _, errors = driver.communicate(timeout=PATIENCE_S)
        assert driver.returncode == 130, errors
    imported = {file.read_text() for file in package.glob("imported-*")}
    assert len([place for place in imported if "py_modules" in place]) == 1
    state: dict[str, Any] = json.loads((folder / "runs/space/sweep.json").read_text())
    operators = state["operators"]
    assert operators["built"] == len(operators["keys"]) == 2
