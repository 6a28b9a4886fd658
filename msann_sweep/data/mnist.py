"""MNIST, padded to 32 × 32: from a directory, the user's cache, the network or the package."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import socket
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from msann_sweep.data.idx import read_file, read_idx
from msann_sweep.data.images import ImageSet, digest, pad, read_only
from msann_sweep.errors import DataError

# MD5 of each file's uncompressed content.
DIGESTS = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
DATA_DIR_VARIABLE = "MSANN_DATA_DIR"
DOWNLOAD_TIMEOUT_S = 10.0
_BUNDLED = Path(__file__).parent / "bundled"
_BUNDLED_TRAIN = 9_000
_BUNDLED_SPLIT_SEED = 1998


class BundledDataWarning(UserWarning):
    """Only the images that come with the package are trained on, not the full MNIST."""


@dataclass(frozen=True, eq=False)
class Mnist(ImageSet):
    """MNIST's images, 28 × 28 padded to 32 × 32, and their labels, uint8 (N,) and (V,), read-only.

    ``source`` is "data_dir", "cache", "download" or "bundled".
    """

    train_labels: NDArray[np.uint8]
    validation_labels: NDArray[np.uint8]


def load_mnist(
    data_dir: str | os.PathLike[str] | None = None,
    *,
    cache_dir: Path | None = None,
    download: bool = True,
) -> Mnist:
    """MNIST from the first source that has it; the test images are the validation set.

    The sources are ``data_dir``, the directory in ``MSANN_DATA_DIR``, the cache
    (``cache_dir``, by default the user's), a download into the cache (unless ``download`` is
    False), and the 10,000 test images of the package, of which 9,000 are trained on: then a
    `BundledDataWarning` says so. Every file is checked by its digest.

    Raises DataError when a directory that was asked for lacks a file or has a damaged one; no other
    source is tried then.
    """
    asked_for = data_dir or os.environ.get(DATA_DIR_VARIABLE)
    if asked_for:
        return _standard(_read_directory(Path(asked_for).expanduser()), "data_dir", asked_for)
    cache = cache_dir or Path(platformdirs.user_cache_dir("msann_sweep")) / "mnist"
    try:
        return _standard(_read_directory(cache), "cache", cache)
    except DataError as error:
        damage = f" ({error})" if any(cache.glob("*")) else ""
        reason = "the download is switched off"
    if download:
        try:
            _download(cache)
            return _standard(_read_directory(cache), "download", cache)
        except Exception as error:  # whatever network, proxy or disk do, the package has images
            reason = f"the download failed ({_first_line(error)})"
    warnings.warn(
        f"MNIST: trains on only {_BUNDLED_TRAIN:,} images, those that come with the package, "
        f"because the cache has no full set{damage} and {reason}. For the full set of 60,000 put "
        f"the four idx files into a directory and name it in task.data_dir or {DATA_DIR_VARIABLE}",
        BundledDataWarning,
        stacklevel=2,
    )
    return _bundled()


def _read_directory(directory: Path) -> dict[str, NDArray[np.uint8]]:
    """The four checked arrays by file name; DataError lists all that are missing."""
    if not directory.is_dir():
        raise DataError(
            f"MNIST: got {directory}, which is no directory; "
            "allowed: a directory with MNIST's four idx files"
        )
    paths = {name: _find(directory, name) for name in DIGESTS}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        raise DataError(
            f"MNIST: {directory} lacks {', '.join(missing)}; "
            "allowed: all four idx files, each with or without .gz"
        )
    return {name: _read_checked(path, name) for name, path in paths.items() if path is not None}


def _find(directory: Path, name: str) -> Path | None:
    """A file under one of the names in use: '-idx' or '.idx', with or without '.gz'."""
    spellings = (name, name.replace("-idx", ".idx"))
    candidates = (directory / f"{stem}{suffix}" for stem in spellings for suffix in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def _read_checked(path: Path, name: str) -> NDArray[np.uint8]:
    raw = read_file(path)
    found = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    if found != DIGESTS[name]:
        raise DataError(
            f"{path}: got content with MD5 {found} ({len(raw):,} bytes uncompressed); "
            f"allowed: {DIGESTS[name]}, MNIST's {name}. Delete it and download or copy it again"
        )
    return read_idx(raw)


def _download(cache: Path) -> None:
    """Puts torchvision's download into the cache, all files checked or none written."""
    # Only a machine without the data pays for importing torchvision.
    from torchvision.datasets import MNIST

    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="download-") as partial:
        with _socket_timeout(DOWNLOAD_TIMEOUT_S), contextlib.ExitStack() as quiet:
            quiet.enter_context(contextlib.redirect_stdout(io.StringIO()))
            quiet.enter_context(contextlib.redirect_stderr(io.StringIO()))
            MNIST(partial, download=True)
        raw = Path(partial) / "MNIST" / "raw"
        _read_directory(raw)
        for name in DIGESTS:
            (raw / name).replace(cache / name)


@contextlib.contextmanager
def _socket_timeout(timeout_s: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(timeout_s)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _first_line(error: Exception) -> str:
    """A short text of an error; torchvision's spreads over lines and ends with the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _standard(files: dict[str, NDArray[np.uint8]], source: str, place: object) -> Mnist:
    train, train_labels, validation, validation_labels = (files[name] for name in DIGESTS)
    train = _padded(train)
    return Mnist(
        train=train,
        train_labels=train_labels,
        validation=_padded(validation),
        validation_labels=validation_labels,
        name="mnist",
        source=source,
        digest=digest(train),
        description=f"MNIST from {place}: {len(train):,} train images, "
        f"validated on the {len(validation):,} test images",
    )


def _bundled() -> Mnist:
    names = list(DIGESTS)[2:]
    images, labels = (_read_checked(_BUNDLED / f"{name}.gz", name) for name in names)
    shuffled = np.random.default_rng(_BUNDLED_SPLIT_SEED).permutation(len(images))
    first, last = shuffled[:_BUNDLED_TRAIN], shuffled[_BUNDLED_TRAIN:]
    train = _padded(images[first])
    return Mnist(
        train=train,
        train_labels=read_only(labels[first]),
        validation=_padded(images[last]),
        validation_labels=read_only(labels[last]),
        name="mnist",
        source="bundled",
        digest=digest(train),
        description=f"part of MNIST, bundled with the package: {len(first):,} of the 10,000 test "
        f"images are trained on, {len(last):,} validated on",
    )


def _padded(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(N, 28, 28) with a margin of zeros, as (N, 1024)."""
    return read_only(pad(images, (32, 32)))
