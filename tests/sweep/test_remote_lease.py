"""Who runs a sweep at a URI; the store is a local folder."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from msann_sweep.errors import StorageError
from msann_sweep.sweep import remote_lease
from msann_sweep.sweep.lease import STALE_AFTER_S, Owner, process_start
from msann_sweep.sweep.remote import RemoteFolder
from msann_sweep.sweep.remote_lease import LEASE_FILE, RemoteLease


@pytest.fixture
def remote(tmp_path: Path) -> RemoteFolder:
    return RemoteFolder(f"file://{tmp_path}/store/sweep")


def hold(remote: RemoteFolder, owner: Owner) -> None:
    remote.write(LEASE_FILE, json.dumps(asdict(owner)).encode())


def elsewhere() -> Owner:
    return replace(Owner.this_process(), host="far-away", processes="others", token="theirs")


def age(remote: RemoteFolder, seconds: float) -> None:
    file = Path(remote.root) / LEASE_FILE
    heard = file.stat().st_mtime - seconds
    os.utime(file, (heard, heard))


def test_one_at_a_time(remote: RemoteFolder) -> None:
    lease = RemoteLease.take(remote, "sweep")
    with pytest.raises(StorageError, match=rf"'sweep': still running, as process {os.getpid()} on"):
        RemoteLease.take(remote, "sweep")
    lease.release()
    assert remote.listing() == {}
    RemoteLease.take(remote, "sweep").release()


def test_a_process_of_this_machine_that_is_gone_holds_nothing(remote: RemoteFolder) -> None:
    process = subprocess.Popen(["sleep", "600"])
    gone = replace(
        Owner.this_process(), pid=process.pid, began=process_start(process.pid) or "", token="gone"
    )
    hold(remote, gone)
    with pytest.raises(StorageError, match="still running"):
        RemoteLease.take(remote, "sweep")
    process.kill()
    process.wait()
    RemoteLease.take(remote, "sweep").release()


def test_another_machine_holds_it_while_its_heart_beats(remote: RemoteFolder) -> None:
    hold(remote, elsewhere())
    with pytest.raises(StorageError, match=r"still running, as process .* on far-away"):
        RemoteLease.take(remote, "sweep")
    age(remote, 2 * STALE_AFTER_S)
    RemoteLease.take(remote, "sweep").release()


def test_of_two_that_find_a_stale_lease_the_last_one_wins(
    remote: RemoteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(remote, elsewhere())
    age(remote, 2 * STALE_AFTER_S)
    other = replace(elsewhere(), token="quicker")
    # While this one waits for the dust to settle, the other takes what it, too, saw as stale.
    settled = SimpleNamespace(sleep=lambda _: hold(remote, other))
    monkeypatch.setattr(remote_lease, "time", settled)
    with pytest.raises(StorageError, match=r"still running, as process .* on far-away"):
        RemoteLease.take(remote, "sweep")


def test_whoever_loses_the_lease_is_told(
    remote: RemoteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_lease, "HEARTBEAT_S", 0.01)
    lease = RemoteLease.take(remote, "sweep")
    told = threading.Event()
    lease.on_loss = told.set
    remote.delete(LEASE_FILE)
    while not told.is_set():
        hold(remote, elsewhere())  # a heartbeat under way may still overwrite it
    assert lease.lost is not None
    hold(remote, elsewhere())
    lease.release()
    assert remote.read(LEASE_FILE) is not None
