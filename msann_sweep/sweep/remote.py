"""The folder of one sweep at an fsspec URI, such as ``s3://bucket/prefix/name``.

Credentials come from the environment only, in the way of each file system's own library.
"""

from __future__ import annotations

import os
import queue
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import fsspec
from fsspec.asyn import sync
from fsspec.exceptions import FSTimeoutError

from msann_sweep.errors import StorageError
from msann_sweep.secrets import masked

ANSWER_WITHIN_S = 15.0
SLOWEST_BYTES_PER_S = 100_000
# A store that does not answer is to be told from a slow one soon: the caller tries again.
OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {
        "config_kwargs": {
            "connect_timeout": 5,
            "read_timeout": 10,
            "retries": {"mode": "standard", "total_max_attempts": 2},
        }
    }
}
UNUSABLE = ("memory", "http", "https", "data", "github", "gist", "git")
_SECRET_NAMES = re.compile(r"SECRET|TOKEN|PASSWORD|ACCESS_KEY", re.IGNORECASE)

T = TypeVar("T")


@dataclass(frozen=True)
class Stored:
    """What a listing says of a stored file; equal versions mean equal content."""

    size_bytes: int
    version: str


class RemoteFolder:
    """Files under a URI, by relative path; every method may raise OSError."""

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        self.fs, self.root = _open(self.uri)

    def listing(self) -> dict[str, Stored]:
        """All files under the folder; none where it does not exist."""
        self.fs.invalidate_cache()
        found: dict[str, Any] = self.fs.find(self.root, detail=True)
        return {
            path[len(self.root) :].lstrip("/"): Stored(
                int(info["size"] or 0),
                str(info.get("ETag") or info.get("mtime") or info.get("LastModified")),
            )
            for path, info in found.items()
        }

    def names(self) -> list[str]:
        """Names of the sweeps in the folder, in order."""
        self.fs.invalidate_cache()
        return sorted(path.split("/")[-2] for path in self.fs.glob(f"{self.root}/*/sweep.json"))

    def read(self, name: str) -> bytes | None:
        """A file's content; None where there is no such file."""
        try:
            content: bytes = self.fs.cat_file(self._path(name))
        except FileNotFoundError:
            return None
        return content

    def write(self, name: str, content: bytes) -> None:
        """Put a file's content whole."""
        self._make_folder(name)
        self._put("pipe_file", self._path(name), content, size_bytes=len(content))

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless it exists; whether it was written."""
        self._make_folder(name)
        try:
            self.fs.pipe_file(self._path(name), content, mode="create")
        except FileExistsError:
            return False
        except OSError:
            if self.read(name) is None:
                raise
            return False  # how S3 says that it exists
        return True

    def delete(self, name: str) -> None:
        """Remove a file, if it is there."""
        try:
            self.fs.rm_file(self._path(name))
        except FileNotFoundError:
            return

    def upload(self, file: Path, name: str) -> None:
        """Copy a file of this machine there."""
        self._make_folder(name)
        size_bytes = file.stat().st_size
        self._put("put_file", str(file), self._path(name), size_bytes=size_bytes)

    def download(self, name: str, file: Path) -> None:
        """Copy a file from there, whole or not at all."""
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
        self.fs.get_file(self._path(name), str(fresh))
        os.replace(fresh, file)

    def modified(self, name: str) -> datetime:
        """When a file was last written, by the store's own clock."""
        self.fs.invalidate_cache()
        time: datetime = self.fs.modified(self._path(name))
        return time

    def _put(self, method: str, *arguments: Any, size_bytes: int) -> None:
        """Send that many bytes; TimeoutError where the store takes them too slowly.

        Its library's own limits hold while an answer is waited for, not while a body is sent.
        """
        if not self.fs.async_impl:
            getattr(self.fs, method)(*arguments)
            return
        limit_s = ANSWER_WITHIN_S + size_bytes / SLOWEST_BYTES_PER_S
        try:
            sync(self.fs.loop, getattr(self.fs, f"_{method}"), *arguments, timeout=limit_s)
        except FSTimeoutError:
            raise TimeoutError(f"{size_bytes:,} bytes not taken within {limit_s:.0f} s") from None

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def _make_folder(self, name: str) -> None:
        """Make the folders above a file where the store has such things; S3 has not."""
        if "s3" not in self.fs.protocol:
            self.fs.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)


def _open(uri: str) -> tuple[Any, str]:
    protocol = urlsplit(uri).scheme
    if urlsplit(uri).password:
        raise StorageError(
            f"storage: got {masked(uri)}; allowed: a URI without a password; credentials "
            "come from the environment"
        )
    if protocol in UNUSABLE:
        raise StorageError(f"storage: got {uri}; allowed: a store that keeps what is written to it")
    options = OPTIONS.get(protocol, {})
    try:
        fs, root = fsspec.core.url_to_fs(
            uri, use_listings_cache=False, skip_instance_cache=True, **options
        )
    except ImportError as error:
        raise StorageError(f"storage: got {uri}: {error}") from None
    except ValueError as error:
        raise StorageError(
            f"storage: got {uri}: {error}; allowed: a path, or a URI that fsspec knows, e.g. s3://"
        ) from None
    return fs, root.rstrip("/")


def in_time(what: str, task: Callable[[], T], limit_s: float = ANSWER_WITHIN_S) -> T:
    """Do ``task``; raise StorageError, beginning with ``what``, when it fails or takes too long."""
    outcome: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue()

    def run() -> None:
        try:
            outcome.put((task(), None))
        except BaseException as error:  # handed to the caller, whatever it is
            outcome.put((None, error))

    threading.Thread(target=run, daemon=True, name="storage").start()
    try:
        value, error = outcome.get(timeout=limit_s)
    except queue.Empty:
        raise StorageError(f"{what}: no answer within {limit_s:.0f} s") from None
    if isinstance(error, StorageError):
        raise error
    if error is not None:
        raise StorageError(f"{what}: {reason(error)}") from None
    return value  # type: ignore[return-value]  # a task's own None is a T


def reason(error: BaseException) -> str:
    """Why a store could not be used, in a line, without any secret of the environment."""
    lines = str(error).strip().splitlines()
    text = masked(lines[0]) if lines else type(error).__name__
    for name, value in os.environ.items():
        if value and len(value) > 3 and _SECRET_NAMES.search(name):
            text = text.replace(value, "***")
    if isinstance(error, PermissionError):
        return f"not allowed ({text})"
    if isinstance(error, FileNotFoundError):
        return f"not found ({text})"
    if type(error).__name__ == "NoCredentialsError":
        return f"{text}; they come from the environment, e.g. AWS_ACCESS_KEY_ID"
    return text
