"""Who may run a sweep, with real processes and files."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from msann_sweep.errors import StorageError
from msann_sweep.sweep import lease as lease_module
from msann_sweep.sweep.lease import (
    STALE_AFTER_S,
    Lease,
    LeaseLostError,
    Owner,
    live_owner,
    process_start,
    read_owner,
)

HOLD = """
import sys, time
from pathlib import Path
from msann_sweep.sweep.lease import Lease
Lease.take(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def write(folder: Path, owner: Owner, age_s: float = 0.0) -> None:
    file = folder / "lease.json"
    file.write_text(json.dumps(asdict(owner)))
    then = time.time() - age_s
    os.utime(file, (then, then))


def elsewhere() -> Owner:
    return replace(Owner.this_process(), host="elsewhere", processes="another boot", token="other")


def test_a_lease_is_held_by_one_and_given_up(tmp_path: Path) -> None:
    first = Lease.take(tmp_path)
    with pytest.raises(StorageError, match=f"still running, as process {os.getpid()} on .* since"):
        Lease.take(tmp_path)
    first.check()
    first.release()
    assert live_owner(tmp_path) is None
    Lease.take(tmp_path).release()


def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE)
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(StorageError, match=f"process {holder.pid} "):
        Lease.take(tmp_path)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    Lease.take(tmp_path).release()


def test_another_process_of_the_same_number_is_not_the_owner(tmp_path: Path) -> None:
    write(tmp_path, replace(Owner.this_process(), began="1"))
    assert live_owner(tmp_path) is None


def test_elsewhere_the_heartbeat_tells(tmp_path: Path) -> None:
    write(tmp_path, elsewhere(), age_s=STALE_AFTER_S / 2)
    with pytest.raises(StorageError, match="on elsewhere"):
        Lease.take(tmp_path)
    write(tmp_path, elsewhere(), age_s=STALE_AFTER_S * 2)
    Lease.take(tmp_path).release()


def test_the_heart_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "HEARTBEAT_S", 0.01)
    lease = Lease.take(tmp_path)
    os.utime(lease.file, (1.0, 1.0))
    deadline = time.monotonic() + 60
    while lease.file.stat().st_mtime == 1.0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    lease.release()


@pytest.mark.parametrize("loss", ["taken over by process .* on elsewhere", "is gone"])
def test_an_owner_that_lost_its_lease_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    monkeypatch.setattr(lease_module, "STALE_AFTER_S", 0.0)  # look whenever asked
    lease = Lease.take(tmp_path)
    if "elsewhere" in loss:
        write(tmp_path, elsewhere())
    else:
        lease.file.unlink()
    with pytest.raises(LeaseLostError, match=loss):
        lease.check()
    lease.release()
    left = read_owner(tmp_path)
    assert (left.host if left else None) == ("elsewhere" if "elsewhere" in loss else None)


def test_a_damaged_lease_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / "lease.json").write_text('{"host": 1')
    Lease.take(tmp_path).release()


def test_of_many_at_once_one_wins(tmp_path: Path) -> None:
    write(tmp_path, elsewhere(), age_s=STALE_AFTER_S * 2)
    held: list[Lease] = []
    refused: list[StorageError] = []
    together = threading.Barrier(8)

    def take() -> None:
        together.wait()
        try:
            held.append(Lease.take(tmp_path))
        except StorageError as error:
            refused.append(error)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 7)
    held[0].release()


def test_process_start_of_the_living_and_the_dead() -> None:
    assert process_start(os.getpid())
    ended = multiprocessing.get_context("spawn").Process(target=print)
    ended.start()
    ended.join()
    assert ended.pid
    assert process_start(ended.pid) is None
