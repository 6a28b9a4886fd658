"""Sweeps kept on S3, on a real server: launched, killed, resumed and read elsewhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from msann_sweep.config.storage import local_folder
from msann_sweep.errors import StorageError
from msann_sweep.sweep import remote, remote_lease, stored
from msann_sweep.sweep.lease import LeaseLostError, Owner
from msann_sweep.sweep.mirror import kept, local_files
from msann_sweep.sweep.remote import RemoteFolder
from msann_sweep.sweep.stored import fetch, kept_at
from tests.sweep import s3
from tests.test_cli import SMOKE, accept_interrupts, command, measured

STORAGE = f"s3://{s3.BUCKET}/team"
URI = f"{STORAGE}/sweep"

pytestmark = pytest.mark.slow


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    port = s3.free_port()
    for name, value in s3.environment(port).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MSANN_CACHE_DIR", str(tmp_path / "here"))
    return port


@pytest.fixture
def store(port: int) -> Iterator[RemoteFolder]:
    with s3.server(port):
        yield RemoteFolder(URI)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 400
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def write(name: str, text: str) -> None:
    file = local_folder(STORAGE) / "sweep" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_an_outage_ends_nothing_and_the_next_stretch_copies_what_is_missing(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "PATIENCE_S", 0)
    missing = pytest.warns(UserWarning, match=r"1 files are not there yet \(sweep.json\)")
    with s3.server(port) as server, missing, kept_at(STORAGE, "sweep", new=True):
        write("sweep.json", "begun")
        store = RemoteFolder(URI)
        until(lambda: store.read("sweep.json") == b"begun")
        server.kill()
        server.wait()
        write("sweep.json", "ended")
    # The server comes back with nothing of what it had.
    with s3.server(port):
        with kept_at(STORAGE, "sweep", new=False):
            pass
        store = RemoteFolder(URI)
        assert store.read("sweep.json") == b"ended"
        assert store.read("lease.json") is None


def test_a_machine_whose_sweep_was_taken_over_stops(
    store: RemoteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_lease, "HEARTBEAT_S", 0.05)
    other = replace(Owner.this_process(), host="far-away", token="theirs")
    taken = json.dumps(asdict(other)).encode()
    stops = pytest.raises(LeaseLostError, match=r"^sweep 'sweep': taken over by .* on far-away")
    with stops, kept_at(STORAGE, "sweep", new=True):
        write("sweep.json", "mine")
        write("lease.json", "the sweep's own lease")
        until(lambda: store.read("sweep.json") == b"mine")
        own = local_folder(STORAGE) / "sweep" / "lease.json"

        def lost() -> bool:
            store.write("lease.json", taken)  # a heartbeat under way may still overwrite it
            return not own.exists()

        until(lost)
        write("sweep.json", "too late")
        raise LeaseLostError("its lease is gone")
    assert store.read("sweep.json") == b"mine"
    assert store.read("lease.json") == taken


def test_a_name_that_is_taken_and_one_that_is_not_there(store: RemoteFolder) -> None:
    store.write("sweep.json", b"{}")
    taken = pytest.raises(StorageError, match=f"{URI} exists already; go on with it")
    with taken, kept_at(STORAGE, "sweep", new=True):
        pass
    RemoteFolder(f"{STORAGE}/data").write("images.npy", b"")
    foreign = pytest.raises(StorageError, match=r"data holds files that are no sweep's, such as im")
    with foreign, kept_at(STORAGE, "data", new=True):
        pass
    with pytest.raises(StorageError, match=f"'swept': no such sweep; known under {STORAGE}: sweep"):
        fetch(f"{STORAGE}/swept")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"INITIAL_NO_AUTH_ACTION_COUNT": "0"}, "not allowed"),
        (None, "Could not connect to the endpoint"),
    ],
)
def test_a_bucket_that_cannot_be_used(
    port: int, tmp_path: Path, variables: dict[str, str] | None, message: str
) -> None:
    launch = command("launch", SMOKE, "--set", f"storage={STORAGE}")
    if variables is None:
        answer = subprocess.run(launch, cwd=tmp_path, capture_output=True, text=True)
    else:
        with s3.server(port, **variables):
            answer = subprocess.run(launch, cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"error: storage: {STORAGE}/smoke: {message}")
    assert "Traceback" not in answer.stderr
    assert s3.SECRET not in answer.stdout + answer.stderr
    assert os.listdir(tmp_path) == []


def test_a_store_that_freezes_while_it_is_sent_a_file_is_given_up(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "checkpoint"
    file.write_bytes(bytes(20_000_000))
    with s3.server(port) as server:
        store = RemoteFolder(URI)
        server.send_signal(signal.SIGSTOP)
        with monkeypatch.context() as impatient:
            impatient.setattr(remote, "ANSWER_WITHIN_S", 1.0)
            impatient.setattr(remote, "SLOWEST_BYTES_PER_S", 10_000_000)
            with pytest.raises(TimeoutError, match="20,000,000 bytes not taken within 3 s"):
                store.upload(file, "checkpoint")
        server.send_signal(signal.SIGCONT)
        store.upload(file, "checkpoint")
        assert store.read("checkpoint") == file.read_bytes()


def run(machine: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"MSANN_CACHE_DIR": str(machine)}
    return subprocess.run(
        command(*arguments), cwd=machine.parent, env=variables, capture_output=True, text=True
    )


def results(machine: Path) -> dict[str, Any]:
    answer = run(machine, "results", URI, "--json")
    assert answer.returncode == 0, answer.stderr
    parsed: dict[str, Any] = json.loads(answer.stdout)
    return parsed


def start(machine: Path, *settings: str) -> subprocess.Popen[bytes]:
    """A sweep at URI, in a process of its own."""
    overrides = [word for each in (*settings, f"storage={STORAGE}") for word in ("--set", each)]
    return subprocess.Popen(
        command("launch", SMOKE, "--name", "sweep", *overrides),
        cwd=machine.parent,
        env=os.environ | {"MSANN_CACHE_DIR": str(machine)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=accept_interrupts,
    )


@pytest.mark.long
def test_an_outage_in_the_middle_of_a_sweep_loses_nothing(port: int, tmp_path: Path) -> None:
    folder = local_folder(STORAGE) / "sweep"

    def ended(trials: bytes | None) -> int:
        return (trials or b"").count(b'"ended"')

    with s3.server(port) as server:
        store = RemoteFolder(URI)
        process = start(tmp_path / "here", "search.trials=10000", "search.concurrency=1")
        try:
            until(lambda: ended(store.read("trials.jsonl")) > 0)
            server.send_signal(signal.SIGSTOP)
            before = ended((folder / "trials.jsonl").read_bytes())
            until(lambda: ended((folder / "trials.jsonl").read_bytes()) > before + 2)
            server.send_signal(signal.SIGCONT)
            until(lambda: ended(store.read("trials.jsonl")) > before + 2)
            process.send_signal(signal.SIGINT)
            assert process.wait(400) == 130
        finally:
            process.kill()
        files = local_files(folder)
        assert kept(store.listing()).keys() == files.keys() | {"mlflow.db"}
        for name, file in files.items():
            assert store.read(name) == file.read_bytes(), name


def test_a_killed_sweep_goes_on_from_another_machine(store: RemoteFolder, tmp_path: Path) -> None:
    few = ("search.trials=2", "search.baseline_rates=0", "search.concurrency=1")
    process = start(tmp_path / "here", *few)
    until(lambda: b'"ended"' in (store.read("trials.jsonl") or b""))
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = results(tmp_path / "there")["trials"]
    ended = [trial for trial in before if trial["status"] != "running"]
    assert ended
    resumed = run(tmp_path / "there", "resume", "sweep", "--storage", STORAGE)
    assert resumed.returncode == 0, resumed.stderr
    after = results(tmp_path / "elsewhere")
    assert len(after["trials"]) == 3
    assert {trial["status"] for trial in after["trials"]} <= {"finished", "stopped"}
    by_id = {trial["id"]: trial for trial in after["trials"]}
    assert measured([by_id[trial["id"]] for trial in ended]) == measured(ended)
    assert results(tmp_path / "here") == after
    files = store.listing()
    assert {"mlflow.db", "log.txt", "sweep.yaml", "study.journal"} <= files.keys()
    assert not {name for name in files if name.startswith(("lease", "tune/"))}
    assert {name for name in files if name.startswith("mlartifacts/") and "weights" in name}
    everything = b"".join(store.read(name) or b"" for name in files)
    assert s3.SECRET.encode() not in everything
