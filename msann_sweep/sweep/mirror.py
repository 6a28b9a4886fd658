"""Copying a sweep's working folder to its URI while it runs, and back before it is read."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

from msann_sweep.config.storage import ARTIFACTS
from msann_sweep.sweep.files import replace_text
from msann_sweep.sweep.log import SWEEP, log_event
from msann_sweep.sweep.remote import RemoteFolder, Stored, reason

LAG_S = 2.0
# A file that takes long to copy is copied the less often, and a folder of very many files is
# looked through the less often: a tenth of the time at most.
PAUSE_PER_COPY = 10
# Which stretch of the sweep, on which machine, wrote the files last.
STRETCH_FILE = "stretch.json"
FETCHED_FILE = "fetched.json"
DATABASE = "mlflow.db"
# Read before all others and copied after them: what these tell of, the others then hold.
LAST = ("trials.jsonl", "sweep.json")
# Where a sweep itself removes files; what else is stored beside it is nobody's to remove.
REMOVED_FROM = ("checkpoints/", "weights/")
# Pages that whoever reads the sweep may have made.
MADE_HERE = "report/"
FOLDERS_LEFT_OUT = ("tune", ARTIFACTS)

Stamp = tuple[int, int]


class Mirror:
    """A thread that copies every changed file of ``folder`` to ``remote``, within a few seconds.

    ``database`` is MLflow's file beside the folder. A store that fails is tried again and again;
    ``lost`` says why it failed last, None while it does not.
    """

    def __init__(self, folder: Path, database: Path, remote: RemoteFolder) -> None:
        self.folder = folder
        self.database = database
        self.remote = remote
        self.lost: str | None = None
        self._copied: dict[str, Stamp | None] = {}
        self._due: dict[str, float] = {}
        self._begun = False
        self._search_s = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)

    def start(self) -> None:
        """Begin to copy, as soon as there is a folder."""
        self._thread.start()

    def close(self, patience_s: float) -> list[str]:
        """Copy what is left; the names of the files that could not be copied in that time.

        A copy under way is waited for, however long the store may take for it.
        """
        deadline = time.monotonic() + patience_s
        self._ended.set()
        self._thread.join()
        while self.lost is None or time.monotonic() < deadline:
            if self.copy(everything=True):
                break
            time.sleep(min(LAG_S, max(0.0, deadline - time.monotonic())))
        return [] if self.lost is None else self._changed(everything=True)

    def abandon(self) -> None:
        """Copy nothing more, as soon as a copy under way is done: the sweep is another's by now."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(max(LAG_S, PAUSE_PER_COPY * self._search_s)):
            self.copy()

    def copy(self, everything: bool = False) -> bool:
        """Copy what has changed, ``everything`` or only what is due; whether all went well."""
        if not self.folder.exists():
            return True
        try:
            self.begin()
            self._copy(self._changed(everything))
        except Exception as error:  # whatever a store's library raises is an outage to us
            if self.lost is None:
                log_event(SWEEP, "storage lost", f"{self.remote.uri}: {reason(error)}")
            self.lost = reason(error)
            return False
        if self.lost is not None:
            log_event(SWEEP, "storage back", self.remote.uri)
            self.lost = None
        return True

    def begin(self) -> None:
        """Once: name this stretch; what it stores takes the place of what was stored before."""
        if self._begun:
            return
        (self.folder / FETCHED_FILE).unlink(missing_ok=True)
        before = _stretch(self.remote.read(STRETCH_FILE))
        stretch = {"token": uuid.uuid4().hex, "after": before.get("token")}
        replace_text(self.folder / STRETCH_FILE, json.dumps(stretch))
        before_it = kept(self.remote.listing())
        self._copied = {name: None for name in before_it if name.startswith(REMOVED_FROM)}
        self._begun = True

    def _files(self) -> dict[str, Path]:
        files = local_files(self.folder)
        if self.database.exists():
            files[DATABASE] = self.database
        return files

    def _changed(self, everything: bool) -> list[str]:
        """Names of the files that are not as they were copied."""
        now = time.monotonic()
        changed = [
            name
            for name, file in self._files().items()
            if self._copied.get(name) != _stamp(file)
            and (everything or now >= self._due.get(name, 0))
        ]
        self._search_s = time.monotonic() - now
        return changed

    def _copy(self, changed: list[str]) -> None:
        files = self._files()
        stamps = {name: _stamp(files[name]) for name in changed if name in files}
        texts = {name: files[name].read_bytes() for name in LAST if name in stamps}
        order = sorted(stamps.keys() - texts.keys(), key=lambda name: name != STRETCH_FILE)
        for name in order:
            began = time.monotonic()
            with suppress(FileNotFoundError):  # gone since: the next round removes it there
                self._upload(files[name], name)
                self._copied[name] = stamps[name]
            took_s = time.monotonic() - began
            self._due[name] = time.monotonic() + PAUSE_PER_COPY * took_s
        for name, text in texts.items():
            self.remote.write(name, text)
            self._copied[name] = stamps[name]
        for name in self._copied.keys() - files.keys():
            self.remote.delete(name)
            del self._copied[name]

    def _upload(self, file: Path, name: str) -> None:
        if name != DATABASE:
            self.remote.upload(file, name)
            return
        with tempfile.TemporaryDirectory() as folder:
            snapshot = Path(folder) / DATABASE
            with (
                closing(sqlite3.connect(file)) as source,
                closing(sqlite3.connect(snapshot)) as target,
            ):
                source.backup(target)
            self.remote.upload(snapshot, name)


def bring_down(remote: RemoteFolder, folder: Path, database: Path) -> bool:
    """Make the local copy as new as the stored one.

    What this machine wrote last is that already, and more: then True, and nothing is touched.
    """
    stretch = folder / STRETCH_FILE
    theirs = _stretch(remote.read(STRETCH_FILE))
    ours = _stretch(stretch.read_bytes() if stretch.exists() else None)
    # This machine's stretch may not have got as far as being stored itself.
    if not theirs or (ours and theirs["token"] in (ours["token"], ours["after"])):
        return True
    stretch.unlink(missing_ok=True)
    stored = kept(remote.listing())
    stored.pop(STRETCH_FILE, None)
    fetched = folder / FETCHED_FILE
    known: Mapping[str, str] = json.loads(fetched.read_text()) if fetched.exists() else {}
    fetched.unlink(missing_ok=True)
    for name, each in stored.items():
        file = database if name == DATABASE else folder / name
        if known.get(name) != each.version or not file.exists():
            remote.download(name, file)
    for name, file in local_files(folder).items():
        if name not in stored and not name.startswith(MADE_HERE):
            file.unlink(missing_ok=True)
    replace_text(fetched, json.dumps({name: each.version for name, each in stored.items()}))
    return False


def _stretch(content: bytes | None) -> dict[str, str | None]:
    """A stretch's ``token`` and that of the one ``after`` which it began; empty: none is known."""
    parsed: dict[str, str | None] = json.loads(content) if content else {}
    return parsed


def kept(stored: Mapping[str, Stored]) -> dict[str, Stored]:
    """What belongs to the sweep's folder, of a listing."""
    return {
        name: each
        for name, each in stored.items()
        if _belongs(Path(name)) and name.partition("/")[0] not in FOLDERS_LEFT_OUT
    }


def local_files(folder: Path) -> dict[str, Path]:
    """The files of a sweep's folder that are to be stored, by relative path."""
    return dict(_walk(folder))


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    for place, folders, names in os.walk(folder):
        if Path(place) == folder:
            folders[:] = [each for each in folders if each not in FOLDERS_LEFT_OUT]
        for name in sorted(names):
            file = Path(place) / name
            if _belongs(file):
                yield file.relative_to(folder).as_posix(), file


def _belongs(file: Path) -> bool:
    """Whether a file is neither this machine's own nor half written."""
    if file.name == FETCHED_FILE or file.name.startswith("lease."):
        return False
    return file.suffix != ".new" and not file.suffix[1:].isdigit()


def _stamp(file: Path) -> Stamp | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size
