"""Small files that are written whole or not at all, and files of lines that have no torn end."""

from __future__ import annotations

import os
from pathlib import Path


def replace_text(file: Path, text: str) -> None:
    """Put ``text`` into ``file`` atomically: readers see the old text or the new one."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, file)


def cut_off_torn_line(file: Path) -> None:
    """Delete what stands behind the last line break: a crash or a full disk has cut it off.

    Needs no room on the disk.
    """
    with file.open("rb+") as lines:
        lines.seek(max(lines.seek(0, os.SEEK_END) - 1, 0))
        if lines.read(1) not in (b"", b"\n"):
            lines.seek(0)
            lines.truncate(lines.read().rfind(b"\n") + 1)
