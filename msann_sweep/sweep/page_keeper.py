"""The sweep's report page, rewritten while trials run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from msann_sweep.config import SweepConfig
from msann_sweep.sweep.log import SWEEP, log_event
from msann_sweep.sweep.record import SweepDirectory, TrialRecord
from msann_sweep.training import Row

FIRST_S = 30.0
SHARE_OF_TIME = 0.05
PageWriter = Callable[[SweepDirectory], Path]


class PageKeeper:
    """A view that has the page rewritten by a process of its own, and handed to ``log_page``.

    The first page is begun ``first_s`` seconds after the sweep; between two of them passes so much
    time that writing takes at most SHARE_OF_TIME of it.
    """

    def __init__(self, log_page: Callable[[Path], None], first_s: float = FIRST_S) -> None:
        self.log_page = log_page
        self.first_s = first_s
        self.pages = 0
        self._directory: SweepDirectory | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._began_s = self._next_s = 0.0

    def opened(
        self,
        config: SweepConfig,  # noqa: ARG002 - View's signature
        directory: SweepDirectory,
        planned: int,  # noqa: ARG002 - as above
    ) -> None:
        """The sweep begins, or goes on."""
        self._directory = directory
        self._next_s = time.monotonic() + self.first_s

    def trial_started(self, record: TrialRecord) -> None:
        """A trial runs: nothing to see yet."""

    def trial_advanced(
        self,
        record: TrialRecord,  # noqa: ARG002 - as above
        curve: list[Row],  # noqa: ARG002 - as above
    ) -> None:
        """A trial was evaluated."""
        self._turn()

    def trial_ended(self, record: TrialRecord) -> None:  # noqa: ARG002 - as above
        """A trial has its result."""
        self._turn()

    def closed(self) -> None:
        """The last page is written by whoever knows how the sweep has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _turn(self) -> None:
        now_s = time.monotonic()
        if self._process is None:
            if now_s >= self._next_s and self._directory is not None:
                self._began_s, self._process = now_s, _begin(self._directory)
        elif self._process.poll() is not None:
            self._next_s = now_s + (now_s - self._began_s) * (1 / SHARE_OF_TIME - 1)
            if self._process.returncode == 0 and self._directory is not None:
                self.pages += 1
                self.log_page(self._directory.page_file)
            self._process = None


def _begin(directory: SweepDirectory) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "msann_sweep", "report", "--page-only", str(directory.path)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)


def write_last_page(
    write_page: PageWriter | None, directory: SweepDirectory, status: str
) -> Path | None:
    """The page of a sweep that has come to ``status``; None where there is none.

    An interrupted sweep ends quickly: only a page that says that it runs is written anew.
    """
    if write_page is None or (status == "interrupted" and not directory.page_file.exists()):
        return None
    try:
        return write_page(directory)
    except Exception as error:  # whatever is wrong with the page, the sweep has its results
        log_event(SWEEP, "report", f"not written: {error}")
        return None
