"""Sweeps kept at a URI: worked on in a folder of this machine, which is copied there as it changes.

Sweeps kept in a folder are none of this module's business; it passes them on.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msann_sweep.config.storage import is_remote, local_folder, sweep_uri, tracking_database
from msann_sweep.errors import StorageError
from msann_sweep.sweep.lease import LeaseLostError
from msann_sweep.sweep.mirror import FETCHED_FILE, Mirror, bring_down, kept
from msann_sweep.sweep.remote import RemoteFolder, in_time
from msann_sweep.sweep.remote_lease import LEASE_FILE, RemoteLease

FETCH_WITHIN_S = 600.0
# How long the end of a sweep waits for a store that does not answer.
PATIENCE_S = 15.0
SHOWN = 5


@contextmanager
def kept_at(storage: str, name: str, *, new: bool) -> Iterator[None]:
    """While it lasts, the sweep is this process's, and what changes of it is copied to its URI.

    Raises StorageError before anything is made: the store cannot be reached or written, another
    process runs the sweep, or a ``new`` one's name is taken; LeaseLostError at the end, when
    another machine has taken the sweep over meanwhile. Files that could not be copied are named
    in a warning.
    """
    if not is_remote(storage):
        yield
        return
    remote = RemoteFolder(sweep_uri(storage, name))
    folder = local_folder(storage) / name
    mirror = Mirror(folder, tracking_database(storage, name), remote)
    if new:
        _check_is_new(mirror, name)
    lease = in_time(_where(remote), lambda: RemoteLease.take(remote, name))
    if not new:
        _bring_down(lease, mirror)

    def stop() -> None:
        mirror.abandon()
        # The sweep's own lease is what its driver looks at.
        (folder / LEASE_FILE).unlink(missing_ok=True)

    lease.on_loss = stop
    mirror.start()
    try:
        yield
    except LeaseLostError:
        if lease.lost:
            raise LeaseLostError(f"sweep {name!r}: {lease.lost}; this process stops") from None
        raise
    finally:
        _close(lease, mirror, folder)


def _where(remote: RemoteFolder) -> str:
    return f"storage: {remote.uri}"


def _check_is_new(mirror: Mirror, name: str) -> None:
    remote, folder = mirror.remote, mirror.folder
    stored = in_time(_where(remote), lambda: kept(remote.listing()))
    if "sweep.json" in stored or folder.exists():
        raise StorageError(
            f"sweep {name!r}: {remote.uri if stored else folder} exists already; go on with it "
            f"by `msann-sweep resume {remote.uri}`, or choose another name with --name"
        )
    if stored:
        raise StorageError(
            f"storage: {remote.uri} holds files that are no sweep's, such as {min(stored)}; choose "
            "another name with --name, or another storage"
        )


def _bring_down(lease: RemoteLease, mirror: Mirror) -> None:
    """Begin a stretch with what is stored; where that fails, nothing is copied there either."""
    remote, folder = mirror.remote, mirror.folder
    try:
        in_time(_where(remote), lambda: bring_down(remote, folder, mirror.database), FETCH_WITHIN_S)
        (folder / FETCHED_FILE).unlink(missing_ok=True)
        in_time(_where(remote), mirror.begin)
    except BaseException:
        lease.release()
        raise


def _close(lease: RemoteLease, mirror: Mirror, folder: Path) -> None:
    if lease.lost:
        mirror.abandon()
        return
    left = mirror.close(PATIENCE_S)
    lease.release()
    if left:
        named = ", ".join(left[:SHOWN]) + (", ..." if len(left) > SHOWN else "")
        warnings.warn(
            f"storage: {mirror.remote.uri}: {mirror.lost}; {len(left)} files are not there yet "
            f"({named}); all is kept in {folder}, and `msann-sweep resume {mirror.remote.uri}` "
            "copies it",
            stacklevel=2,
        )


def fetch(uri: str) -> Path:
    """The folder of this machine that holds the sweep at ``uri``, as new as what is stored there.

    Raises StorageError, naming the sweeps there are, when there is none; where the store cannot be
    reached, a copy that is here already is used, with a warning.
    """
    storage, _, name = uri.rstrip("/").rpartition("/")
    folder = local_folder(storage) / name
    where = f"storage: {uri}"
    try:
        remote = RemoteFolder(uri)
        stored = in_time(where, lambda: remote.read("sweep.json")) is not None
        if stored:
            database = tracking_database(storage, name)
            in_time(where, lambda: _fetch(remote, folder, database), FETCH_WITHIN_S)
    except StorageError as error:
        if not (folder / "sweep.json").is_file():
            raise
        warnings.warn(f"{error}; this is the copy of it in {folder}", stacklevel=2)
        return folder
    if not (folder / "sweep.json").is_file():
        listing = ", ".join(known_sweeps(storage)) or "none"
        raise StorageError(f"sweep {name!r}: no such sweep; known under {storage}: {listing}")
    return folder


def _fetch(remote: RemoteFolder, folder: Path, database: Path) -> None:
    if bring_down(remote, folder, database):
        return
    # Who runs the sweep now, elsewhere, and since when nothing has been heard of it.
    lease, local = remote.read(LEASE_FILE), folder / LEASE_FILE
    if lease is None:
        local.unlink(missing_ok=True)
        return
    heard_s = remote.modified(LEASE_FILE).timestamp()
    local.write_bytes(lease)
    os.utime(local, (heard_s, heard_s))


def known_sweeps(storage: str) -> list[str]:
    """Names of the sweeps under a storage, folder or URI, in order."""
    if is_remote(storage):
        remote = RemoteFolder(storage)
        return in_time(_where(remote), remote.names)
    return sorted(file.parent.name for file in local_folder(storage).glob("*/sweep.json"))
