"""Ctrl-C in the middle of a sweep."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Interrupts:
    """Within its context, the first SIGINT or SIGTERM is only noted; the second one interrupts.

    Python raises KeyboardInterrupt wherever the program happens to be, also inside code that
    swallows it (a finaliser, a callback from C) and between two halves of a record. The sweep asks
    :meth:`check` where it can stop with nothing cut in half.
    """

    def __init__(self) -> None:
        self.noted = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        # Python lets no other thread set handlers; there, the caller's own stay in force.
        if threading.current_thread() is threading.main_thread():
            for each in (signal.SIGINT, signal.SIGTERM):
                self._before[each] = signal.signal(each, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.noted:
            signal.default_int_handler(number, frame)
        self.noted = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has been noted."""
        if self.noted:
            raise KeyboardInterrupt
