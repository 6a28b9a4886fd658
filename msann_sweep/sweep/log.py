"""The sweep's log: one line per event in ``SWEEP/log.txt``; the terminal stays quiet.

A line holds the time (UTC), the trial's id (or "sweep"), the event, and what there is to say of it:

    2026-01-31T12:00:00Z  t0003    started    sample, seed 1, gamma=3 L=6
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msann_sweep.secrets import masked

SWEEP = "sweep"
LOG_FILE = "log.txt"

_LOGGER = logging.getLogger("msann_sweep.sweep")
_LOGGER.setLevel(logging.INFO)
_LOGGER.propagate = False


class _LogFile(logging.FileHandler):
    """A log that cannot be written, on a full disk say, ends nothing and prints nothing."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line, opening the file first."""
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Pass over the line."""


@contextmanager
def logging_to(file: Path) -> Iterator[None]:
    """Within its context events are appended to ``file``."""
    handler = _LogFile(file, encoding="utf-8", delay=True)
    formatter = logging.Formatter("%(asctime)s  %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    _LOGGER.addHandler(handler)
    try:
        yield
    finally:
        _LOGGER.removeHandler(handler)
        handler.close()


def log_event(who: str, event: str, detail: str = "") -> None:
    """Log one event in one line; ``who`` is a trial's id, or :data:`SWEEP`.

    Passwords inside URIs are masked.
    """
    line = f"{who:<10} {event:<12} {' '.join(detail.split())}".rstrip()
    _LOGGER.info("%s", masked(line))
