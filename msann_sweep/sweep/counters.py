"""How a sweep is doing, in numbers: the same for ``status``, ``live.json`` and Prometheus."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from msann_sweep.sweep.assignment import DEFAULT, TUNED_DEFAULT, Assignment
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.training import Row

LIVE_FILE = "live.json"
STATUSES = ("running", "finished", "stopped", "failed")


@dataclass(frozen=True)
class Counters:
    """A sweep's counters at one moment.

    ``trials`` counts them by status; ``trials_per_hour`` and ``examples`` (training examples, at
    any level) are of the present stretch; ``examples_per_s`` is what the running trials train
    together, each at its own mean speed; ``best_cost_to_tenth`` is the lowest of a trial by what is
    compared, best (MsANN), default and tuned_default, as far as known;
    ``operators`` are the operator actors' counters.
    """

    time: str
    planned_trials: int
    trials: dict[str, int]
    trials_per_hour: float
    examples: int
    examples_per_s: float
    best_cost_to_tenth: dict[str, float]
    operators: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        """The counters as ``live.json`` holds them."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Counters:
        """The inverse of :meth:`to_json`."""
        return cls(**json.loads(text))


class Tally:
    """Counts while a sweep runs."""

    def __init__(self, records: Mapping[str, TrialRecord], planned: int) -> None:
        self.records = dict(records)
        self.planned = planned
        self._ended_before = self._ended()
        self._lowest = best_costs(records.values())
        self._started = time.monotonic()
        self._examples = 0
        self._seen: dict[str, int] = {}
        self._speeds: dict[str, float] = {}

    def advanced(self, trial_id: str, row: Row, batch_size: int) -> None:
        """A trial was evaluated; a resumed one is counted from its first evaluation on."""
        examples = sum(row["steps_per_level"]) * batch_size
        self._examples += max(examples - self._seen.get(trial_id, examples), 0)
        self._seen[trial_id] = examples
        if row["wall_s"] > 0:
            self._speeds[trial_id] = examples / row["wall_s"]

    def ended(self, record: TrialRecord) -> None:
        """A trial has its result."""
        self.records[record.id] = record
        self._speeds.pop(record.id, None)
        note_cost(self._lowest, record)

    def counters(self, operators: Mapping[str, float]) -> Counters:
        """All counters now."""
        hours = max(time.monotonic() - self._started, 1e-9) / 3600
        return Counters(
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            planned_trials=self.planned,
            trials=count_trials(self.records.values()),
            trials_per_hour=(self._ended() - self._ended_before) / hours,
            examples=self._examples,
            examples_per_s=sum(self._speeds.values()),
            best_cost_to_tenth=dict(self._lowest),
            operators=dict(operators),
        )

    def _ended(self) -> int:
        return sum(record.result is not None for record in self.records.values())


def count_trials(records: Iterable[TrialRecord]) -> dict[str, int]:
    """Trials by status; those of :data:`STATUSES` are always there, 0 included."""
    return {**dict.fromkeys(STATUSES, 0), **Counter(record.status for record in records)}


def best_costs(records: Iterable[TrialRecord]) -> dict[str, float]:
    """Lowest known cost to the target by what is compared: best, default and tuned_default."""
    lowest: dict[str, float] = {}
    for record in records:
        note_cost(lowest, record)
    return lowest


def note_cost(lowest: dict[str, float], record: TrialRecord) -> bool:
    """Take a trial's cost to the target into account; whether it is the lowest of its kind."""
    cost = record.result.cost_to_tenth if record.result else None
    kind = _kind(record.assignment)
    if cost is None or cost >= lowest.get(kind, float("inf")):
        return False
    lowest[kind] = cost
    return True


def _kind(assignment: Assignment) -> str:
    if assignment.params.get("L", 0) > 0:
        return "best"
    return DEFAULT if assignment.role == DEFAULT else TUNED_DEFAULT
