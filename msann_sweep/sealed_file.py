"""Files that are there whole or not at all, and that tell when they are damaged.

A file is the SHA-256 digest of its content, a line break, and the content. It is written beside its
place and moved there, so that no reader ever meets half of one.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


def write_sealed(file: Path, content: bytes) -> None:
    """Write ``file``, replacing what is there. Raises OSError where that cannot be."""
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".new", delete=False) as fresh:
        try:
            fresh.write(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
            fresh.flush()
            os.fsync(fresh.fileno())
            os.replace(fresh.name, file)
        except OSError:
            os.unlink(fresh.name)
            raise


def read_sealed(file: Path) -> bytes | None:
    """The content, or None if it is not what was written. Raises FileNotFoundError."""
    digest, line_break, content = file.read_bytes().partition(b"\n")
    intact = digest.decode(errors="replace") == hashlib.sha256(content).hexdigest()
    return content if intact and line_break else None
