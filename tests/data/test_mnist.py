from __future__ import annotations

import gzip
import hashlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from msann_sweep.data import BundledDataWarning, load_mnist
from msann_sweep.data import mnist as mnist_module
from msann_sweep.data.mnist import DIGESTS
from msann_sweep.errors import DataError
from tests.data.test_idx import idx_bytes

REAL = os.environ.get("MSANN_DATA_DIR")
NAMES = list(DIGESTS)


@pytest.fixture(autouse=True)
def _no_data_dir_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MSANN_DATA_DIR", raising=False)


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A small data set whose digests stand for MNIST's."""
    rng = np.random.default_rng(3)
    arrays = [
        rng.integers(0, 256, shape, dtype=np.uint8)
        for shape in ((30, 28, 28), (30,), (10, 28, 28), (10,))
    ]
    contents = {name: idx_bytes(array) for name, array in zip(NAMES, arrays, strict=True)}
    digests = {name: hashlib.md5(raw).hexdigest() for name, raw in contents.items()}
    monkeypatch.setattr(mnist_module, "DIGESTS", digests)
    return contents


def write(directory: Path, files: dict[str, bytes], *, dot: bool = False, gz: bool = False) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, raw in files.items():
        spelt = (name.replace("-idx", ".idx") if dot else name) + (".gz" if gz else "")
        (directory / spelt).write_bytes(gzip.compress(raw) if gz else raw)
    return directory


def refuse_network(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """No name resolves; returns the socket time-outs in force at each attempt."""
    timeouts: list[float | None] = []

    def getaddrinfo(*_: object, **__: object) -> None:
        timeouts.append(socket.getdefaulttimeout())
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return timeouts


def fake_download(monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]) -> None:
    def download(root: str, *, download: bool) -> None:
        assert download
        print("Extracting ...")
        write(Path(root) / "MNIST" / "raw", files)

    monkeypatch.setattr("torchvision.datasets.MNIST", download)


@pytest.mark.parametrize("dot", [False, True])
@pytest.mark.parametrize("gz", [False, True])
def test_images_are_padded_and_split_as_the_files_say(
    tmp_path: Path, files: dict[str, bytes], dot: bool, gz: bool
) -> None:
    data = load_mnist(write(tmp_path, files, dot=dot, gz=gz))
    assert data.source == "data_dir"
    for images, name, count in (
        (data.train, NAMES[0], 30),
        (data.validation, NAMES[2], 10),
    ):
        assert images.shape == (count, 1024)
        assert images.dtype == np.uint8
        assert not images.flags.writeable
        square = images.reshape(count, 32, 32)
        assert square[:, 2:30, 2:30].tobytes() == files[name][16:]
        assert square.sum() == square[:, 2:30, 2:30].sum()
    assert data.train_labels.tobytes() == files[NAMES[1]][8:]
    assert data.validation_labels.tobytes() == files[NAMES[3]][8:]
    assert data.digest == hashlib.md5(data.train.tobytes()).hexdigest()
    assert "30 train images" in data.description


def test_sources_in_order(
    tmp_path: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    given, variable, cache = (write(tmp_path / name, files) for name in ("given", "env", "cache"))
    assert load_mnist(cache_dir=cache).source == "cache"
    monkeypatch.setenv("MSANN_DATA_DIR", str(variable))
    assert str(variable) in load_mnist(cache_dir=cache).description
    assert str(given) in load_mnist(given, cache_dir=cache).description


@pytest.mark.parametrize("through_variable", [False, True])
def test_a_directory_asked_for_must_work(
    tmp_path: Path,
    files: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    through_variable: bool,
) -> None:
    cache = write(tmp_path / "cache", files)
    directory = tmp_path / "asked"

    def load() -> None:
        if through_variable:
            monkeypatch.setenv("MSANN_DATA_DIR", str(directory))
            load_mnist(cache_dir=cache)
        else:
            load_mnist(directory, cache_dir=cache)

    with pytest.raises(DataError, match="no directory"):
        load()
    directory.mkdir()
    write(directory, {name: files[name] for name in NAMES[:2]})
    with pytest.raises(DataError, match="lacks t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte"):
        load()
    write(directory, files)
    load()
    damaged = bytearray(files[NAMES[0]])
    damaged[100] ^= 1
    write(directory, {NAMES[0]: bytes(damaged)})
    with pytest.raises(DataError, match="MD5") as caught:
        load()
    assert str(directory / NAMES[0]) in str(caught.value)
    assert hashlib.md5(damaged).hexdigest() in str(caught.value)
    assert hashlib.md5(files[NAMES[0]]).hexdigest() in str(caught.value)
    (directory / NAMES[0]).write_bytes(gzip.compress(files[NAMES[0]])[:-500])
    with pytest.raises(DataError, match="truncated or corrupt gzip") as caught:
        load()
    assert str(directory / NAMES[0]) in str(caught.value)


def test_a_download_fills_the_cache_quietly(
    tmp_path: Path,
    files: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    fake_download(monkeypatch, files)
    cache = write(tmp_path / "cache", {NAMES[0]: b"damaged"})
    assert load_mnist(cache_dir=cache).source == "download"
    assert capfd.readouterr() == ("", "")
    assert sorted(path.name for path in cache.iterdir()) == sorted(NAMES)
    assert load_mnist(cache_dir=cache, download=False).source == "cache"


def test_a_damaged_download_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_download(monkeypatch, dict.fromkeys(NAMES, b"<html>log in first</html>"))
    with pytest.warns(BundledDataWarning, match="the download failed .*MD5"):
        data = load_mnist(cache_dir=tmp_path / "cache")
    assert data.source == "bundled"
    assert list((tmp_path / "cache").iterdir()) == []


def test_offline_the_bundled_images_serve_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    timeouts = refuse_network(monkeypatch)
    with pytest.warns(BundledDataWarning, match=r"only 9,000 .*Name or service.*task\.data_dir"):
        data = load_mnist(cache_dir=tmp_path / "cache")
    assert capfd.readouterr() == ("", "")
    assert timeouts
    assert set(timeouts) == {mnist_module.DOWNLOAD_TIMEOUT_S}
    assert socket.getdefaulttimeout() is None
    assert list((tmp_path / "cache").iterdir()) == []
    assert (data.source, data.train.shape) == ("bundled", (9000, 1024))


def test_an_unwritable_cache_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.warns(BundledDataWarning, match="the download failed"):
        assert load_mnist(cache_dir=tmp_path / "file" / "cache").source == "bundled"


def test_a_damaged_cache_is_named_when_nothing_replaces_it(tmp_path: Path) -> None:
    write(tmp_path, dict.fromkeys(NAMES, b"damaged"))
    with pytest.warns(BundledDataWarning, match="train-images.*MD5.*download is switched off"):
        assert load_mnist(cache_dir=tmp_path, download=False).source == "bundled"


def test_bundled_images_are_the_test_images_split_once(tmp_path: Path) -> None:
    with pytest.warns(BundledDataWarning):
        data, again = (load_mnist(cache_dir=tmp_path, download=False) for _ in range(2))
    assert data.validation.shape == (1000, 1024)
    assert data.digest == again.digest == "ec4db39796428ddd112797e760af5e1f"
    assert not data.train.flags.writeable
    assert "9,000 of the 10,000" in data.description
    # Counts of the digits 0 ... 9 in MNIST's test set.
    counts = np.bincount(np.concatenate((data.train_labels, data.validation_labels)))
    assert counts.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    images = np.concatenate((data.train, data.validation))
    assert len(np.unique(images, axis=0)) == 10_000
    # Mean of MNIST's test images at 28 x 28, as published: 0.1325.
    assert images.sum() / 255 / (10_000 * 28 * 28) == pytest.approx(0.1325, abs=5e-5)


def test_bundled_labels_stay_with_their_images(tmp_path: Path) -> None:
    with pytest.warns(BundledDataWarning):
        data = load_mnist(cache_dir=tmp_path, download=False)
    means = np.stack([data.train[data.train_labels == digit].mean(0) for digit in range(10)])
    distances = ((data.validation[:, None] - means) ** 2).sum(-1)
    # A nearest-mean classifier is right for about 82 of 100 digits, by chance for 10.
    assert (distances.argmin(1) == data.validation_labels).mean() > 0.75


@pytest.mark.skipif(REAL is None, reason="MSANN_DATA_DIR does not name MNIST's four files")
def test_the_real_files() -> None:
    assert REAL is not None
    data = load_mnist(REAL)
    assert data.train.shape == (60_000, 1024)
    assert data.validation.shape == (10_000, 1024)
    assert data.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.validation_labels[:5].tolist() == [7, 2, 1, 0, 4]
    # Mean of MNIST's train images at 28 x 28, as published: 0.1307.
    assert data.train.sum() / 255 / (60_000 * 28 * 28) == pytest.approx(0.1307, abs=5e-5)


def test_the_room_imports_no_more_than_it_may() -> None:
    program = (
        "import sys, msann_sweep.data;"
        "barred = {'ray', 'mlflow', 'optuna', 'torchvision', 'msann_sweep.config'};"
        "print(sorted(barred & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0)
