"""Sweeps commanded from outside their cluster: a real client server, real refusals."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from msann_sweep.sweep import environment
from tests.raylets import PATIENCE_S, Raylets, free_port, processes, wait_until
from tests.sweep.test_joining import Watched, command, launch, refusal

SPACE = """
task: {kind: one_object, n: 6}
network: {layers: [64, 16, 8, 16, 64]}
training: {budget_cost: 1.0e+6, batch_size: 32}
stopping: {on_target: continue, race_factor: null}
search: {trials: 2, baselines: false}
"""
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The client's folder, with a search space."""
    (tmp_path / "client").mkdir()
    (tmp_path / "client/space.yaml").write_text(SPACE)
    return tmp_path / "client"


@pytest.mark.parametrize(
    "address", ["ray://there", "ray://http://there:1", "ray://there:²", "ray://there:65536"]
)
def test_an_address_without_a_port_is_refused(folder: Path, address: str) -> None:
    message = refusal(launch(folder, os.environ, "--address", address, "--set", "storage=/tmp/x"))
    assert f"resources.address: got {address}; allowed: auto, HOST:PORT of a" in message


def test_a_folder_of_the_clients_is_refused(folder: Path) -> None:
    whole = "allowed: with ray://, a URI, or the whole path of a folder that all nodes share"
    message = refusal(launch(folder, os.environ, "--address", "ray://127.0.0.1:1"))
    assert f"storage: got runs; {whole}" in message
    arguments = ("resume", "first", "--address", "ray://127.0.0.1:1")
    message = refusal(command(folder, os.environ, *arguments))
    assert f"--storage: got runs; {whole}" in message
    assert os.listdir(folder) == ["space.yaml"]


def test_a_file_that_is_a_pipe_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yaml")
    arguments = ("--address", "ray://127.0.0.1:1", "--set", "storage=/tmp/x", "--name", "x")
    process = command(folder, os.environ, "launch", "pipe.yaml", *arguments)
    (folder / "pipe.yaml").write_text(SPACE)
    assert "FILE: got pipe.yaml; allowed: with ray://, a file that can be sent" in refusal(process)


def test_a_name_that_no_host_can_have_is_refused(folder: Path) -> None:
    for address in ("ray://a..b:10001", "a..b:6379"):
        options = ("--address", address, "--set", "storage=/tmp/x")
        message = refusal(launch(folder, os.environ, *options))
        assert f"resources.address: cannot join {address}: no cluster answers (" in message


def test_where_no_client_server_answers_the_sweep_is_refused_in_time(folder: Path) -> None:
    storage = ("--set", f"storage={folder / 'store'}", "--address")
    message = refusal(launch(folder, os.environ, *storage, f"ray://127.0.0.1:{free_port()}"))
    assert "no cluster answers (Connection refused)" in message
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"ray://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        message = refusal(launch(folder, os.environ, *storage, address))
        waited_s = time.monotonic() - began
    assert f"cannot join {address}: no cluster answers within 6 s" in message
    assert waited_s < 15
    assert os.listdir(folder) == ["space.yaml"]


def test_a_head_has_the_package_only_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "msann-sweep":
            raise PackageNotFoundError(package)
        return "1.0"

    monkeypatch.setattr(environment, "version", version)
    versions = environment.describe_environment()["versions"]
    assert versions["msann-sweep"] is None
    assert versions["ray"] == "1.0"


def listens(address: str) -> bool:
    """Whether the client server, which starts after its node, takes connections."""
    try:
        socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))).close()
    except OSError:
        return False
    return True


def results(sweep: Path) -> dict[str, Any]:
    line = [sys.executable, "-m", "msann_sweep", "results", str(sweep), "--json"]
    found: dict[str, Any] = json.loads(subprocess.check_output(line, text=True))
    return found


@pytest.mark.slow
def test_a_sweep_is_launched_interrupted_and_resumed_from_outside(
    folder: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    with Raylets(**TOKEN) as raylets:
        raylets.head(cpus=1)
        wait_until(lambda: listens(raylets.client_address))
        options = ("--address", raylets.client_address, "--set", f"storage={store}")
        for settings in ({"RAY_AUTH_TOKEN": "f" * 64}, {"RAY_AUTH_MODE": "disabled"}):
            variables = {**raylets.environment, **settings}
            message = refusal(launch(folder, variables, *options))
            assert "it asks for another token; set RAY_AUTH_MODE=token" in message
        # Paths are those of the head, whose refusal is said here.
        elsewhere = "task={kind: images, file: none.npy, shape: [8, 8]}"
        message = refusal(launch(folder, raylets.environment, *options, "--set", elsewhere))
        assert "none.npy" in message
        client = launch(folder, raylets.environment, *options)
        # Before its trials begin, where Ray's own handler would end the process without a word.
        wait_until((store / "space/sweep.json").exists, client)
        client.send_signal(signal.SIGINT)
        said, errors = client.communicate(timeout=PATIENCE_S)
        assert client.returncode == 130, said + errors
        assert "interrupted; `msann-sweep resume SWEEP` goes on with a sweep" in errors
        arguments = ("resume", str(store / "space"), "--address", raylets.client_address)
        resumed = command(folder, raylets.environment, *arguments)
        said, errors = resumed.communicate(timeout=PATIENCE_S)
        assert resumed.returncode == 0, errors
        assert "Best, worst and default" in said
    trials = results(store / "space")["trials"]
    assert [(each["id"], each["status"]) for each in trials] == [
        (f"t000{number}", "finished") for number in range(2)
    ]
    assert os.listdir(folder) == ["space.yaml"]
    assert "ray://" not in (store / "space/sweep.yaml").read_text()


@pytest.mark.long
def test_a_sweep_whose_client_is_killed_is_cut_off(folder: Path, tmp_path: Path) -> None:
    """Ray ends what a client that is gone had running half a minute later."""
    store = tmp_path / "store"
    watched = Watched(store / "space")
    with Raylets() as raylets:
        raylets.head(cpus=1)
        wait_until(lambda: listens(raylets.client_address))
        options = ("--set", f"storage={store}", "--set", "training.budget_cost=1e15")
        address = ("--address", raylets.client_address)
        client = launch(folder, raylets.environment, *address, *options)
        wait_until(lambda: watched.training(1), client)
        driver = json.loads((store / "space/lease.json").read_text())["pid"]
        client.kill()
        client.communicate()
        wait_until(lambda: driver not in processes())
        line = [sys.executable, "-m", "msann_sweep", "status", str(store / "space")]
        assert "cut off, its process is gone; `resume`" in subprocess.check_output(line, text=True)
