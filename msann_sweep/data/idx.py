"""The idx file format that MNIST is distributed in, gzipped or not."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from msann_sweep.errors import DataError

_GZIP_MAGIC = b"\x1f\x8b"
_UINT8 = 0x08


def read_file(path: Path) -> bytes:
    """Content of a file, uncompressed if it is gzip (told by its content, not by its name).

    Raises DataError naming the file when it cannot be read or its gzip stream is damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); allowed: a readable file"
        ) from error
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(
            f"{path}: got a truncated or corrupt gzip file of {len(content):,} bytes ({error}); "
            "allowed: an intact one. Delete it and download or copy it again"
        ) from error


def read_idx(raw: bytes) -> NDArray[np.uint8]:
    """The array in uncompressed idx bytes, read-only, with the shape that its header states.

    The header is 0, 0, a type code (8: uint8, the only one read), the number of dimensions, and
    each dimension as a big-endian uint32. Raises DataError when header or length are wrong.
    """
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != _UINT8 or not raw[3]:
        raise DataError(
            f"idx data: got a file that starts with {raw[:4].hex(' ') or 'nothing'}; "
            "allowed: 00 00 08 and the number of dimensions (an idx file of bytes)"
        )
    header_bytes = 4 + 4 * raw[3]
    if len(raw) < header_bytes:
        raise DataError(
            f"idx data: got {len(raw)} bytes; allowed: at least the {header_bytes} of a header "
            f"with {raw[3]} dimensions"
        )
    shape = struct.unpack(f">{raw[3]}I", raw[4:header_bytes])
    if len(raw) != header_bytes + math.prod(shape):
        raise DataError(
            f"idx data: got {len(raw):,} bytes; allowed: {header_bytes + math.prod(shape):,}, "
            f"as the shape {shape} in its header needs"
        )
    return np.frombuffer(raw, np.uint8, offset=header_bytes).reshape(shape)
