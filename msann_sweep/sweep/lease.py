"""Who runs a sweep: a file with a live owner, so that no two processes ever write one record.

An owner whose process this one can see is alive while that runs; one elsewhere while its heartbeat,
the time of the file as the file system tells it, is younger than a limit. A stale lease is taken
over, and an owner that does not find its name there any more stops and writes nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from msann_sweep.errors import StorageError, SweepError
from msann_sweep.sweep.files import replace_text

HEARTBEAT_S = 5.0
STALE_AFTER_S = 60.0


class LeaseLostError(SweepError):
    """The sweep is another process's by now."""


@dataclass(frozen=True)
class Owner:
    """The process that runs a sweep; ``began`` tells it from a later one of the same number.

    ``processes`` names the set of processes that ``pid`` is a number in: a host, or a container.
    """

    host: str
    processes: str
    pid: int
    began: str
    since: str
    token: str

    @classmethod
    def this_process(cls) -> Owner:
        """A new owner: every lease has a token of its own."""
        return cls(
            host=socket.gethostname(),
            processes=visible_processes(),
            pid=os.getpid(),
            began=process_start(os.getpid()) or "",
            since=datetime.now(UTC).isoformat(timespec="seconds"),
            token=uuid.uuid4().hex,
        )

    @property
    def alive(self) -> bool | None:
        """Whether the process runs; None where it cannot be seen from here."""
        if self.processes != visible_processes():
            return None
        return process_start(self.pid) == self.began

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


def visible_processes() -> str:
    """What names the processes that this one can see: the host's boot and the container's."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def process_start(pid: int) -> str | None:
    """When a process of this host began, in the kernel's ticks; "" where the kernel does not tell.

    None if there is no such process, or only what is left of one that has ended.
    """
    try:
        # The name in the second field may hold blanks and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return "" if not Path("/proc/self").exists() and _answers(pid) else None
    return None if fields[0] == "Z" else fields[19]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Lease:
    """This process's hold on a sweep's directory; taken by :meth:`take`, kept by a thread."""

    def __init__(self, folder: Path, owner: Owner) -> None:
        self.file = folder / "lease.json"
        self.owner = owner
        self.lost: str | None = None
        self._renewed_s = time.monotonic()
        self._released = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="lease", daemon=True)

    @classmethod
    def take(cls, folder: Path) -> Lease:
        """Become the owner of a sweep's directory, if it has none that lives.

        Raises StorageError, naming the owner, when it has, and where nothing can be written.
        """
        lease = cls(folder, Owner.this_process())
        try:
            with _alone(folder):
                holder = live_owner(folder)
                if holder:
                    raise StorageError(
                        f"sweep {folder.name!r}: still running, as {holder}; wait for it, or "
                        "stop it"
                    )
                lease._write()
        except OSError as error:
            raise StorageError(
                f"sweep {folder.name!r}: cannot write to {folder}: {error.strerror}"
            ) from None
        lease._heart.start()
        return lease

    def check(self) -> None:
        """Raise SweepError once somebody else has taken the sweep over."""
        if time.monotonic() - self._renewed_s > STALE_AFTER_S / 2:
            self._renew()
        if self.lost:
            raise LeaseLostError(
                f"sweep {self.file.parent.name!r}: {self.lost}; this process stops here and "
                "writes nothing more"
            )

    def release(self) -> None:
        """Give the sweep up, unless it is another's by now."""
        self._released.set()
        self._heart.join()
        holder = read_owner(self.file.parent)
        if holder and holder.token == self.owner.token:
            self.file.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._released.wait(HEARTBEAT_S):
            self._renew()

    def _renew(self) -> None:
        """Touch the file while it is ours; a file system that fails is the record's to notice."""
        try:
            holder = read_owner(self.file.parent)
            if holder is None:
                self.lost = f"its lease {self.file} is gone"
            elif holder.token != self.owner.token:
                self.lost = f"taken over by {holder}, while this process did not answer"
            else:
                os.utime(self.file)
                self._renewed_s = time.monotonic()
        except OSError:
            return

    def _write(self) -> None:
        replace_text(self.file, json.dumps(asdict(self.owner)))


def read_owner(folder: Path) -> Owner | None:
    """Whoever holds a sweep's directory or held it last; None if nobody does."""
    try:
        text = (folder / "lease.json").read_text(encoding="utf-8")
        return Owner(**json.loads(text))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError):
        return None  # damaged: nobody could prove to be its owner


def live_owner(folder: Path) -> Owner | None:
    """The process that runs the sweep in ``folder`` now, if one does."""
    owner = read_owner(folder)
    if owner is None or owner.alive is False:
        return None
    if owner.alive is None and _age_s(folder) > STALE_AFTER_S:
        return None
    return owner


def _age_s(folder: Path) -> float:
    """Seconds since the last heartbeat by the clock of the file system, which both hosts share."""
    probe = folder / f"lease.{uuid.uuid4().hex}"
    try:
        probe.touch()
        now = probe.stat().st_mtime
    except OSError:  # a reader that may not write: its own clock has to do
        now = time.time()
    finally:
        probe.unlink(missing_ok=True)
    try:
        return now - (folder / "lease.json").stat().st_mtime
    except FileNotFoundError:
        return float("inf")


@contextmanager
def held(folder: Path) -> Iterator[Lease]:
    """The lease of a sweep's directory, for as long as the block lasts; see :meth:`Lease.take`."""
    lease = Lease.take(folder)
    try:
        yield lease
    finally:
        lease.release()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time look at the lease and take it; the kernel ends it with either."""
    with (folder / "lease.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
