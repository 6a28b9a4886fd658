"""The sweep's own record on disk: the truth that every table, page and resume is made from.

A sweep is a directory ``storage/name``. Trials are events in ``trials.jsonl`` (one line each,
append-only, so that a crash can only lose an unfinished last line), curves are in
``curves/ID.jsonl``, state in ``sweep.json``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from msann_sweep.config import SweepConfig, load_search_space
from msann_sweep.errors import StorageError
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.training import Row, TrialResult


@dataclass
class TrialRecord:
    """What is known of one trial: its result once it has ended, its MLflow run."""

    assignment: Assignment
    result: TrialResult | None = None
    run_id: str | None = None

    @property
    def status(self) -> str:
        """ "running", or the result's: "finished", "stopped" (lost the race) or "failed"."""
        return self.result.status if self.result else "running"

    @property
    def id(self) -> str:
        return self.assignment.id

    @property
    def censored(self) -> bool:
        """Whether cost-to-1/10 is unknown: all that is known is that it exceeds ``cost``."""
        return self.result is not None and self.result.cost_to_tenth is None

    def to_json(self) -> dict[str, Any]:
        """The trial as ``results --json`` prints it."""
        result = self.result
        known = result.to_json() if result else {}
        fields = ("initial_mse", "final_mse", "best_mse", "cost_to_tenth", "wall_to_tenth_s")
        return {
            "id": self.id,
            "status": self.status,
            "params": known.get("params", self.assignment.params),
            **{name: known.get(name) for name in fields},
            "cost": known.get("cost", 0.0),
            "wall_s": known.get("wall_s", 0.0),
            "steps_per_level": known.get("steps_per_level", []),
            "role": self.assignment.role,
            "sample": self.assignment.sample,
            "seed": self.assignment.seed,
            "stop_reason": known.get("stop_reason"),
            "message": known.get("message"),
            "censored": self.censored,
        }


@dataclass
class SweepState:
    """What ``sweep.json`` holds; ``status`` is running, finished, failed or interrupted."""

    name: str
    status: str
    pid: int
    created: str
    tracking_uri: str = ""
    run_id: str | None = None
    trained_on: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    operators: dict[str, Any] = field(default_factory=dict)
    planned_trials: int = 0
    wall_s: float = 0.0
    message: str | None = None


class SweepDirectory:
    """Reads and writes one sweep's directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_file = path / "sweep.yaml"
        self.study_file = path / "study.journal"
        self.tune_path = path / "tune"
        self.weights_path = path / "weights"
        self._state_file = path / "sweep.json"
        self._trials_file = path / "trials.jsonl"
        self._curves_path = path / "curves"

    @classmethod
    def create(cls, config: SweepConfig) -> SweepDirectory:
        """Make a new sweep's directory with its resolved search-space file.

        Raises StorageError when the name is taken or the storage cannot be written.
        """
        directory = cls(Path(config.storage) / config.name)
        try:
            directory.path.mkdir(parents=True)
        except FileExistsError:
            raise StorageError(
                f"sweep {config.name!r}: {directory.path} exists already; go on with it by "
                f"`msann-sweep resume {config.name}` or choose another name with --name"
            ) from None
        except OSError as error:
            raise StorageError(
                f"storage: cannot make {directory.path}: {error.strerror}; give a writable folder"
            ) from None
        for folder in (directory._curves_path, directory.weights_path):
            folder.mkdir()
        directory.config_file.write_text(config.to_yaml(), encoding="utf-8")
        return directory

    @classmethod
    def find(cls, sweep: str, storage: Path) -> SweepDirectory:
        """The sweep of that directory, or of that name under ``storage``.

        Raises StorageError naming the sweeps there are.
        """
        for path in (Path(sweep), storage / sweep):
            if (path / "sweep.json").is_file():
                return cls(path)
        known = sorted(file.parent.name for file in storage.glob("*/sweep.json"))
        listing = ", ".join(known) if known else "none"
        raise StorageError(f"sweep {sweep!r}: no such sweep; known under {storage}: {listing}")

    def config(self) -> SweepConfig:
        """The resolved search-space file."""
        return load_search_space(self.config_file)

    def read_state(self) -> SweepState:
        """The sweep's state as last written."""
        return SweepState(**json.loads(self._state_file.read_text(encoding="utf-8")))

    def write_state(self, state: SweepState) -> None:
        """Replace the state, atomically."""
        fresh = self._state_file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(state), indent=2), encoding="utf-8")
        os.replace(fresh, self._state_file)

    def started(self, assignment: Assignment, run_id: str | None) -> None:
        """Record that a trial runs, from its beginning."""
        self._curve_file(assignment.id).unlink(missing_ok=True)
        self._append({"event": "started", **asdict(assignment), "run_id": run_id})

    def ended(self, trial_id: str, result: TrialResult) -> None:
        """Record a trial's outcome."""
        self._append({"event": "ended", "id": trial_id, **result.to_json()})

    def add_rows(self, trial_id: str, rows: list[Row]) -> None:
        """Append evaluations to a trial's curve."""
        with self._curve_file(trial_id).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    def curve(self, trial_id: str) -> list[Row]:
        """A trial's evaluations so far."""
        return list(_read_lines(self._curve_file(trial_id)))

    def trials(self) -> dict[str, TrialRecord]:
        """Every trial ever started, by id, in the order of their first start."""
        records: dict[str, TrialRecord] = {}
        for event in _read_lines(self._trials_file):
            kind = event.pop("event")
            if kind == "started":
                run_id = event.pop("run_id")
                records[event["id"]] = TrialRecord(Assignment(**event), run_id=run_id)
            else:
                record = records[event.pop("id")]
                record.result = TrialResult(**event)
        return records

    def repair(self) -> None:
        """Cut off the unfinished last line that a crash may have left in any file of lines."""
        for file in (self._trials_file, *self._curves_path.glob("*.jsonl")):
            if file.exists():
                content = file.read_bytes()
                whole = content[: content.rfind(b"\n") + 1]
                if whole != content:
                    file.write_bytes(whole)

    def weights_file(self, trial_id: str) -> Path:
        """Where a trial leaves its final weights."""
        return self.weights_path / f"{trial_id}.pt"

    def _curve_file(self, trial_id: str) -> Path:
        return self._curves_path / f"{trial_id}.jsonl"

    def _append(self, event: dict[str, Any]) -> None:
        with self._trials_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _read_lines(file: Path) -> Iterator[Any]:
    """The JSON lines of a file; an unfinished last line, as a crash leaves it, is passed over."""
    if not file.exists():
        return
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)


def is_alive(pid: int) -> bool:
    """Whether a process of that number runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
