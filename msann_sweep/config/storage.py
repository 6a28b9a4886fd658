"""Where a sweep's storage is on this machine."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import platformdirs

CACHE_VARIABLE = "MSANN_CACHE_DIR"
ARTIFACTS = "mlartifacts"


def is_remote(storage: str) -> bool:
    """Whether a storage is a URI (``s3://bucket/prefix``) and no folder of this machine."""
    return "://" in storage and not storage.startswith("file://")


def local_folder(storage: str) -> Path:
    """The folder of a storage; of a URI, the folder in which its sweeps are worked on.

    That is under the user's cache, or under the folder that ``MSANN_CACHE_DIR`` names.
    """
    if storage.startswith("file://"):
        return Path(url2pathname(urlsplit(storage).path))
    if not is_remote(storage):
        return Path(storage)
    uri = storage.rstrip("/")
    digest = hashlib.sha256(uri.encode()).hexdigest()[:12]
    readable = re.sub(r"[^A-Za-z0-9]+", "-", uri.rpartition("@")[2])[:60].strip("-")
    return user_cache() / "sweeps" / f"{readable}-{digest}"


def sweep_uri(storage: str, name: str) -> str:
    """The URI of a sweep under a storage that is one."""
    return f"{storage.rstrip('/')}/{name}"


def user_cache() -> Path:
    """This user's cache, or the folder that ``MSANN_CACHE_DIR`` names."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).absolute() if named else Path(platformdirs.user_cache_dir("msann_sweep"))


def tracking_database(storage: str, name: str) -> Path:
    """The SQLite file that MLflow uses when no tracking URI is given.

    Sweeps of one folder share it; a sweep at a URI has one of its own, which travels with it.
    """
    folder = local_folder(storage)
    return folder / (f"{name}.mlflow.db" if is_remote(storage) else "mlflow.db")


def artifact_location(storage: str, name: str) -> str:
    """Where MLflow keeps artifacts beside that file: on S3 with the sweep, else in a folder."""
    if storage.startswith("s3://"):
        return f"{sweep_uri(storage, name)}/{ARTIFACTS}"
    return (local_folder(storage).resolve() / ARTIFACTS).as_uri()
