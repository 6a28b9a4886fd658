"""The operator actors' counters, while the sweep runs and over restarts of their registry."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol

import ray
from ray import tune
from ray.exceptions import RayError

from msann_sweep.sweep.operator_counters import OperatorCounters
from msann_sweep.sweep.snapshot import LeftOutOfSnapshots

PERIOD_S = 2.0
LAST_ANSWER_WAIT_S = 10.0


class AsksStatistics(Protocol):
    """:class:`~msann_sweep.sweep.operator_actors.SharedOperators`, as far as counters go."""

    def ask_statistics(self) -> Any:
        """A reference to (when this registry began, its counters)."""


class OperatorWatch(LeftOutOfSnapshots, tune.Callback):
    """Keeps the counters up to date; ``publish`` is given them, as a dict, when they change.

    The registry is asked between two steps of Tune and never waited for.
    """

    def __init__(
        self, operators: AsksStatistics, publish: Callable[[dict[str, Any]], None]
    ) -> None:
        self.operators = operators
        self.publish = publish
        self.counters = OperatorCounters()
        self._began: float | None = None
        self._before_restart: OperatorCounters | None = None
        self._asked: Any = None
        self._next_s = 0.0

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Take the registry's answer if it is there; ask again when it is time."""
        if self._asked is not None:
            if ray.wait([self._asked], timeout=0)[0]:
                asked, self._asked = self._asked, None
                self._take(asked, wait_s=0)
        elif time.monotonic() >= self._next_s:
            self._asked = self.operators.ask_statistics()
            self._next_s = time.monotonic() + PERIOD_S

    def known(self) -> dict[str, Any]:
        """The counters as last heard of."""
        return asdict(self.counters)

    def latest(self) -> dict[str, Any]:
        """The counters as they are now, or those last known if the registry does not answer."""
        self._take(self.operators.ask_statistics(), LAST_ANSWER_WAIT_S)
        return self.known()

    def _take(self, asked: Any, wait_s: float) -> None:
        with contextlib.suppress(RayError):
            began, counters = ray.get(asked, timeout=wait_s)
            if self._began not in (None, began):
                self._before_restart = self.counters
            self._began = began
            if self._before_restart:
                counters = counters.after(self._before_restart)
            if counters != self.counters:
                self.counters = counters
                self.publish(self.known())
