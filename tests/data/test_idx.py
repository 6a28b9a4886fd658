from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from msann_sweep.data import read_file, read_idx
from msann_sweep.errors import DataError


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, max_side=6)))
def test_reads_back_any_array(array: np.ndarray) -> None:
    read = read_idx(idx_bytes(array))
    assert read.dtype == np.uint8
    assert read.shape == array.shape
    assert np.array_equal(read, array)


def test_known_bytes() -> None:
    assert read_idx(bytes.fromhex("00000802 00000002 00000001 07 ff")).tolist() == [[7], [255]]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "nothing"),
        (b"\0\0\x08", "00 00 08"),
        (b"\0\0\x0d\x01\0\0\0\0", "00 00 0d 01"),
        (b"\0\0\x08\0", "00 00 08 00"),
        (b"<html><body>", "3c 68 74 6d"),
        (b"\0\0\x08\x03\0\0\0\x01", "8 bytes; allowed: at least the 16"),
        (b"\0\0\x08\x01\0\0\0\x05abcd", "12 bytes; allowed: 13"),
        (b"\0\0\x08\x01\0\0\0\x03abcd", "12 bytes; allowed: 11"),
    ],
)
def test_bad_bytes_are_rejected(raw: bytes, said: str) -> None:
    with pytest.raises(DataError, match="idx data") as caught:
        read_idx(raw)
    assert said in str(caught.value)


@given(st.binary(max_size=40))
def test_no_bytes_raise_anything_but_a_data_error(raw: bytes) -> None:
    try:
        read = read_idx(b"\0\0\x08" + raw)
    except DataError:
        return
    assert 3 + len(raw) == 4 + 4 * read.ndim + read.size


def test_gzip_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    (tmp_path / "plain.gz").write_bytes(b"as is")
    (tmp_path / "packed").write_bytes(gzip.compress(b"unpacked"))
    assert read_file(tmp_path / "plain.gz") == b"as is"
    assert read_file(tmp_path / "packed") == b"unpacked"


def test_damaged_gzip_names_the_file_and_the_remedy(tmp_path: Path) -> None:
    packed = gzip.compress(np.random.default_rng(0).bytes(4000))
    flipped = bytearray(packed)
    flipped[2000] ^= 0xFF
    path = tmp_path / "images.gz"
    for damaged in (packed[:2], packed[:1000], packed[:-1], bytes(flipped), packed + b"tail"):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="corrupt gzip file") as caught:
            read_file(path)
        assert str(path) in str(caught.value)
        assert "download or copy it again" in str(caught.value)


def test_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="absent"):
        read_file(tmp_path / "absent")
    with pytest.raises(DataError, match="cannot be read"):
        read_file(tmp_path)
