"""Work that must not stall the driver: done in a thread, and again until it succeeds."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable

from msann_sweep.sweep.log import SWEEP, log_event

PAUSE_S = 2.0
LONGEST_PAUSE_S = 30.0
# A round is followed by a pause of so many times its own length, which bounds the driver's load.
REST_PER_WORK = 9.0

Job = Callable[[], None]


class Outbox:
    """Jobs that bring a server up to date, run one after the other in a thread of their own.

    A job may be run any number of times to the same effect. A newer job under the same key takes
    the place of one that waits. One that fails is tried again after a pause, behind the others,
    unless ``is_final`` says of its error that no repetition mends it. ``describe`` puts an error
    into words.
    """

    def __init__(
        self,
        name: str,
        *,
        is_final: Callable[[Exception], bool],
        describe: Callable[[Exception], str],
        pause_s: float = PAUSE_S,
    ) -> None:
        self.name = name
        self.trouble: str | None = None
        self.refused: list[str] = []
        self._is_final = is_final
        self._describe = describe
        self._pause_s = pause_s
        self._failures = self._done = 0
        self._jobs: dict[Hashable, Job] = {}
        self._changed = threading.Condition()
        self._closing = self._abandoned = False
        self._thread = threading.Thread(target=self._work, name=f"outbox-{name}", daemon=True)
        self._thread.start()

    def put(self, key: Hashable, job: Job) -> None:
        """Have a job done soon; returns at once."""
        with self._changed:
            self._jobs[key] = job
            self._changed.notify_all()

    def close(self, patience_s: float, longest_s: float = math.inf) -> int:
        """Have everything done; the number of jobs given up.

        Waits until no job has been done for ``patience_s``, and ``longest_s`` in all.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        deadline, seen = time.monotonic() + longest_s, -1
        while self._thread.is_alive() and self._done != seen and time.monotonic() < deadline:
            seen = self._done
            self._thread.join(min(patience_s, max(deadline - time.monotonic(), 0.0)))
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()
            return len(self._jobs)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._closing)
                if self._abandoned or not self._jobs:
                    return
                waiting = list(self._jobs.items())
            started = time.monotonic()
            for key, job in waiting:
                if self._abandoned or not self._attempt(key, job):
                    break
            self._pause(REST_PER_WORK * (time.monotonic() - started))

    def _attempt(self, key: Hashable, job: Job) -> bool:
        """Run one job; whether to go on with the next at once."""
        error: Exception | None = None
        try:
            job()
        except Exception as raised:  # whatever the libraries of servers and stores raise
            error = raised
        failed = error is not None and not self._is_final(error)
        with self._changed:
            if self._jobs.get(key) is job:
                del self._jobs[key]
                if failed:
                    self._jobs[key] = job
            self._done += not failed
        if error is not None and not failed:
            self.refused.append(self._describe(error))
            log_event(SWEEP, self.name, f"refused: {self.refused[-1]}")
        self._note(self._describe(error) if error is not None and failed else None)
        return not failed

    def _note(self, trouble: str | None) -> None:
        self._failures = self._failures + 1 if trouble else 0
        if trouble and not self.trouble:
            log_event(SWEEP, self.name, f"lost: {trouble}")
        elif self.trouble and not trouble:
            log_event(SWEEP, self.name, "back")
        self.trouble = trouble

    def _pause(self, rest_s: float) -> None:
        """Let work gather; after failures ever longer, while closing as briefly as can be."""
        pause_s = min(max(self._pause_s * 2**self._failures, rest_s), LONGEST_PAUSE_S)
        with self._changed:
            if not self._closing:
                self._changed.wait_for(lambda: self._closing, pause_s)
            elif self._failures:
                self._changed.wait_for(lambda: self._abandoned, min(self._pause_s, 1.0))
