"""A sweep's counters as Ray metrics, which Ray's agent on every node serves to Prometheus.

Prometheus finds the agents by ``prometheus/NAME.json`` beside the sweep (its file-based service
discovery), kept up to date as nodes come and go and removed when the sweep closes: see
``dashboards/``.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.metrics import Counter, Gauge

from msann_sweep.config import SweepConfig
from msann_sweep.sweep.counters import LIVE_FILE, Counters, Tally
from msann_sweep.sweep.files import replace_text
from msann_sweep.sweep.log import SWEEP, log_event
from msann_sweep.sweep.record import SweepDirectory, TrialRecord
from msann_sweep.training import Row

REFRESH_S = 2.0
# Ray forgets a gauge that has not been set anew since it was last collected.
REPEAT_S = 3.0
OPERATOR_COUNTERS = ("built", "loaded", "served", "bytes", "waited_s")
# Ray puts "ray_" before every name, and Prometheus "_total" behind a counter's.
GAUGES = {
    "msann_trials": ("Trials by status.", ("status",)),
    "msann_planned_trials": ("Trials that the sweep will have.", ()),
    "msann_trials_per_hour": ("Trials ended per hour of the present stretch.", ()),
    "msann_examples_per_second": ("Training examples per second of the running trials.", ()),
    "msann_best_cost_to_tenth": ("Lowest cost to the target so far, by role.", ("role",)),
    **{
        f"msann_operators_{name}": (f"Operator actors: {name.replace('_', ' ')}.", ())
        for name in OPERATOR_COUNTERS
    },
}
COUNTERS = {"msann_examples": ("Training examples of the present stretch.", ())}


class RayMetrics:
    """Exports the latest counters again and again, in a thread; Ray must be running."""

    def __init__(self, sweep: str) -> None:
        self._gauges = {name: _make(Gauge, name, *GAUGES[name]) for name in GAUGES}
        self._examples = _make(Counter, "msann_examples", *COUNTERS["msann_examples"])
        self._exported = 0
        self._latest: Counters | None = None
        self._changed = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._repeat, name="metrics", daemon=True)
        for metric in (*self._gauges.values(), self._examples):
            metric.set_default_tags({"sweep": sweep})
        self._thread.start()

    def export(self, counters: Counters) -> None:
        """Let every metric say what the counters say, until others are given."""
        self._latest = counters
        self._changed.set()

    def close(self) -> None:
        """Export the latest counters once more and end the thread, unless Ray keeps it."""
        self._ended = True
        self._changed.set()
        self._thread.join(REPEAT_S)

    def _repeat(self) -> None:
        while not self._ended:
            self._changed.wait(REPEAT_S)
            self._changed.clear()
            if self._latest:
                try:
                    self._export(self._latest)
                except Exception:  # Ray is gone, which its user is told elsewhere
                    return

    def _export(self, counters: Counters) -> None:
        set_gauge = self._set
        for status, count in counters.trials.items():
            set_gauge("msann_trials", count, status=status)
        for role, cost in counters.best_cost_to_tenth.items():
            set_gauge("msann_best_cost_to_tenth", cost, role=role)
        set_gauge("msann_planned_trials", counters.planned_trials)
        set_gauge("msann_trials_per_hour", counters.trials_per_hour)
        set_gauge("msann_examples_per_second", counters.examples_per_s)
        for name in OPERATOR_COUNTERS:
            if name in counters.operators:
                set_gauge(f"msann_operators_{name}", counters.operators[name])
        if counters.examples > self._exported:
            self._examples.inc(counters.examples - self._exported)
            self._exported = counters.examples

    def _set(self, name: str, value: float, **tags: str) -> None:
        self._gauges[name].set(float(value), tags=tags)


def _make(kind: Any, name: str, description: str, labels: tuple[str, ...]) -> Any:
    return kind(name, description=description, tag_keys=("sweep", *labels))


class LiveCounters:
    """A view that keeps ``live.json``, the Ray metrics and Prometheus's targets up to date.

    ``operators`` gives the operator actors' counters.
    """

    def __init__(self, operators: Callable[[], Mapping[str, Any]]) -> None:
        self._operators = operators
        self._refreshed = 0.0
        self._operators_ready = (0, 0)

    def opened(self, config: SweepConfig, directory: SweepDirectory, planned: int) -> None:
        """The sweep begins, or goes on."""
        self._config = config
        self._directory = directory
        self._tally = Tally(directory.trials(), planned)
        self._metrics = RayMetrics(config.name)
        self._batch_sizes: dict[str, int] = {}
        self._targets_file = directory.path.parent / "prometheus" / f"{config.name}.json"
        self._targets_file.parent.mkdir(exist_ok=True)
        self._refresh()

    def trial_started(self, record: TrialRecord) -> None:
        """A trial runs."""
        assignment = record.assignment
        trial = self._config.trial(assignment.params, assignment.seed)
        self._batch_sizes[record.id] = trial.batch_size
        self._tally.records[record.id] = record
        self._refresh_if_due()

    def trial_advanced(self, record: TrialRecord, curve: list[Row]) -> None:
        """A trial was evaluated."""
        self._tally.advanced(record.id, curve[-1], self._batch_sizes[record.id])
        self._refresh_if_due()

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial has its result."""
        self._tally.ended(record)
        self._refresh_if_due()

    def closed(self) -> None:
        """Leave the last counters, and nothing for Prometheus to look for; Ray may be gone."""
        self._count()
        self._metrics.close()
        self._targets_file.unlink(missing_ok=True)

    def _refresh_if_due(self) -> None:
        if time.monotonic() - self._refreshed > REFRESH_S:
            self._refresh()

    def _refresh(self) -> None:
        self._refreshed = time.monotonic()
        self._count()
        with suppress(RayError):
            targets = json.dumps([{"targets": metrics_targets(), "labels": {}}])
            replace_text(self._targets_file, targets)

    def _count(self) -> None:
        known = self._operators()
        numbers = {name: known[name] for name in OPERATOR_COUNTERS if name in known}
        ready = tuple(numbers.get(name, 0) for name in ("built", "loaded"))
        if ready != self._operators_ready:
            log_event(SWEEP, "operators", f"{ready[0]} sets built, {ready[1]} loaded")
            self._operators_ready = ready
        counters = self._tally.counters(numbers)
        self._metrics.export(counters)
        replace_text(self._directory.path / LIVE_FILE, counters.to_json())


def metrics_targets() -> list[str]:
    """HOST:PORT of the metrics agent of every living node of the cluster."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray's own
    return sorted(
        f"{node['NodeManagerAddress']}:{node['MetricsExportPort']}"
        for node in nodes
        if node["Alive"] and node["MetricsExportPort"] > 0
    )
