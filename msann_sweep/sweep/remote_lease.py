"""Who runs a sweep that is kept at a URI: the lease that two machines cannot both hold."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict

from msann_sweep.errors import StorageError
from msann_sweep.sweep.lease import STALE_AFTER_S, Owner
from msann_sweep.sweep.remote import RemoteFolder

LEASE_FILE = "lease.json"
HEARTBEAT_S = 10.0
# Two that find the same stale lease at once both see, after this long, who was the last to take it.
SETTLE_S = 2.0


class RemoteLease:
    """This process's hold on a sweep at a URI; taken by :meth:`take`, kept by a thread.

    ``lost`` says who took the sweep over, None while it is ours; ``on_loss`` is called once.
    An outage loses nothing: whoever holds the lease afterwards goes on.
    """

    def __init__(self, remote: RemoteFolder, owner: Owner) -> None:
        self.remote = remote
        self.owner = owner
        self.lost: str | None = None
        self.on_loss: Callable[[], None] = lambda: None
        self._released = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="remote lease", daemon=True)

    @classmethod
    def take(cls, remote: RemoteFolder, name: str) -> RemoteLease:
        """Become the owner of a sweep, if it has none that lives.

        Raises StorageError, naming the owner, when it has; OSError when the store fails.
        """
        lease = cls(remote, Owner.this_process())
        holder = read_owner(remote)
        if holder and lives(holder, remote):
            raise _running(name, holder)
        if holder:
            remote.delete(LEASE_FILE)
        taken = remote.create(LEASE_FILE, lease._content())
        if taken and holder:
            time.sleep(SETTLE_S)
        now = read_owner(remote)
        if now is None or now.token != lease.owner.token:
            raise _running(name, now or holder)
        lease._heart.start()
        return lease

    def release(self) -> None:
        """Give the sweep up, unless it is another's by now; a store that fails keeps the lease."""
        self._released.set()
        self._heart.join()
        try:
            holder = read_owner(self.remote)
            if holder and holder.token == self.owner.token:
                self.remote.delete(LEASE_FILE)
        except Exception:  # the lease becomes stale by itself
            return

    def _beat(self) -> None:
        while not self._released.wait(HEARTBEAT_S):
            try:
                holder = read_owner(self.remote)
                if holder and holder.token == self.owner.token:
                    self.remote.write(LEASE_FILE, self._content())
                    continue
            except Exception:  # an outage: the mirror tells of it
                continue
            self.lost = f"taken over by {holder}" if holder else f"its {LEASE_FILE} is gone"
            self.on_loss()
            return

    def _content(self) -> bytes:
        return json.dumps(asdict(self.owner)).encode()


def read_owner(remote: RemoteFolder) -> Owner | None:
    """Whoever holds the sweep or held it last; None if nobody does."""
    content = remote.read(LEASE_FILE)
    try:
        return Owner(**json.loads(content)) if content else None
    except (ValueError, TypeError):
        return None  # damaged: nobody could prove to be its owner


def lives(owner: Owner, remote: RemoteFolder) -> bool:
    """Whether an owner runs: seen from here, or by its heartbeat on the store's clock."""
    if owner.alive is not None:
        return owner.alive
    probe = f"lease.{Owner.this_process().token}"
    remote.write(probe, b"")
    try:
        age = remote.modified(probe) - remote.modified(LEASE_FILE)
    finally:
        remote.delete(probe)
    return age.total_seconds() <= STALE_AFTER_S


def _running(name: str, holder: Owner | None) -> StorageError:
    return StorageError(
        f"sweep {name!r}: still running, as {holder or 'another process'}; wait for it, or stop it"
    )
