"""A disk that fills up while a sweep runs: a real one, small, with room again later."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from mmap import PAGESIZE
from pathlib import Path

import pytest

from tests.sweep.chaos import (
    SPACE,
    SweepProcess,
    check_curves,
    lines,
    measured,
    rows,
    run,
    wait_until,
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own where sweeps are kept."""
    folder = tmp_path / "runs"
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder)
    answer = subprocess.run(mount, capture_output=True, text=True)
    if answer.returncode:
        pytest.skip(f"this machine lets no test mount a file system: {answer.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Leave room only where files have some in their last pages; the file that takes the rest."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(PAGESIZE))
    return filler


def ended(sweep: Path) -> int:
    """Trials that are recorded as ended."""
    file = sweep / "trials.jsonl"
    return sum(event["event"] == "ended" for event in lines(file)) if file.exists() else 0


def fill_in_mid_trial(process: SweepProcess, sweep: Path, after: int) -> tuple[int, str]:
    """Fill the disk once so many trials have ended and another one trains; how the sweep ends."""
    try:
        wait_until(lambda: ended(sweep) >= after or not process.running)
        wanted = rows(sweep) + 5
        wait_until(lambda: rows(sweep) >= wanted or not process.running)
        assert process.running, process.end()
        # Again and again: files that the sweep deletes make room.
        wait_until(lambda: fill(sweep.parent) and not process.running)
        return process.end()
    finally:
        process.clear()


def check_failed(code: int, said: str) -> None:
    assert code == 1, said
    (error,) = said.splitlines()
    assert error.startswith("error: sweep 'cramped': storage failed: ")
    assert "No space left on device" in error
    assert "; nothing recorded so far is lost: make runs writable again" in error


@pytest.mark.slow
def test_a_sweep_whose_disk_was_full_ends_as_though_it_had_had_room(
    tmp_path: Path, disk: Path
) -> None:
    (tmp_path / "space.yaml").write_text(SPACE.replace("per_decade: 200", "per_decade: 60"))
    begin = ("launch", "space.yaml", "--set", "search.trials=3", "--name")
    sweep = disk / "cramped"
    check_failed(*fill_in_mid_trial(SweepProcess(tmp_path, *begin, "cramped"), sweep, after=2))

    filler = fill(disk)
    status = run(tmp_path, "status", "cramped")
    assert status.returncode == 0, status.stderr
    assert "`resume` goes on with it" in status.stdout
    kept = [trial for trial in measured(tmp_path, "cramped")["trials"] if trial["cost"]]
    assert len(kept) >= 2
    answer = run(tmp_path, "resume", "cramped")
    assert answer.returncode == 2
    assert "cannot write to runs/cramped: No space left on device" in answer.stderr
    assert "Traceback" not in answer.stderr

    # Room for the lease, but not for what is written next.
    os.truncate(filler, filler.stat().st_size - PAGESIZE)
    answer = run(tmp_path, "resume", "cramped")
    check_failed(answer.returncode, answer.stderr)

    filler.unlink()
    for arguments in (("resume", "cramped"), (*begin, "undisturbed")):
        answer = run(tmp_path, *arguments)
        assert answer.returncode == 0, answer.stdout + answer.stderr
    assert measured(tmp_path, "cramped") == measured(tmp_path, "undisturbed")
    assert measured(tmp_path, "cramped")["trials"][: len(kept)] == kept
    check_curves(tmp_path, "cramped", "undisturbed")
    # Nothing half written is left.
    assert {file.name for file in sweep.iterdir()} == {
        file.name for file in (disk / "undisturbed").iterdir()
    }
