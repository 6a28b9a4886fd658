"""The sweep's own record on disk: the truth that every table, page and resume is made from.

A sweep is a directory ``storage/name``. Trials are events in ``trials.jsonl`` (one line each,
append-only, so that a crash can only lose an unfinished last line), curves are in
``curves/ID.jsonl``, state in ``sweep.json``.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from msann_sweep.config import SweepConfig, load_search_space
from msann_sweep.config.storage import is_remote, local_folder, sweep_uri
from msann_sweep.errors import StorageError
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.files import cut_off_torn_line
from msann_sweep.sweep.stored import fetch, known_sweeps
from msann_sweep.training import Row, TrialResult

if TYPE_CHECKING:
    from msann_sweep.training.checkpoint import CheckpointFile


@dataclass
class TrialRecord:
    """What is known of one trial: its result once it has ended.

    ``started_s`` and ``ended_s`` are seconds since 1970, ``worker`` names the node and the process
    that trained it last; None where they are not known (yet).
    """

    assignment: Assignment
    result: TrialResult | None = None
    started_s: float | None = None
    ended_s: float | None = None
    worker: str | None = None

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
    """What ``sweep.json`` holds; ``status`` is running, finished, failed or interrupted.

    ``config`` is the search-space file as it was when the sweep last ran, with all its values.
    """

    name: str
    status: str
    created: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    tracking_uri: str = ""
    run_id: str | None = None
    study: str = ""
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
        self.new_config_file = path / "sweep.yaml.new"
        self.study_file = path / "study.journal"
        self.tune_path = path / "tune"
        self.weights_path = path / "weights"
        self.checkpoints_path = path / "checkpoints"
        self.page_file = path / "report" / "index.html"
        self._state_file = path / "sweep.json"
        self._trials_file = path / "trials.jsonl"
        self._curves_path = path / "curves"

    @classmethod
    def create(cls, config: SweepConfig, state: SweepState | None = None) -> SweepDirectory:
        """Make a new sweep's directory with its search-space file and state, whole or not at all.

        Raises StorageError when the name is taken or the storage cannot be written.
        """
        path = local_folder(config.storage) / config.name
        directory = cls(path)
        unfinished = cls(path.with_name(f".{path.name}.{os.getpid()}"))
        try:
            unfinished.path.mkdir(parents=True)
            for folder in ("curves", "weights", "checkpoints"):
                (unfinished.path / folder).mkdir()
            unfinished.write_config(config, state or SweepState(config.name, "running"))
            unfinished.path.rename(path)
        except OSError as error:
            shutil.rmtree(unfinished.path, ignore_errors=True)
            if path.exists():
                raise name_taken(config, path) from None
            raise StorageError(
                f"storage: cannot make {path}: {error.strerror}; give a writable folder"
            ) from None
        return directory

    @classmethod
    def find(cls, sweep: str, storage: Path | str) -> SweepDirectory:
        """The sweep of that directory or URI, or of that name under ``storage``, folder or URI.

        A sweep at a URI is copied to this machine first. Raises StorageError naming the sweeps
        there are.
        """
        storage, path = str(storage), local_folder(sweep)
        if is_remote(sweep):
            return cls(fetch(sweep))
        if not is_remote(storage) and not (path / "sweep.json").is_file():
            path = local_folder(storage) / sweep
        if (path / "sweep.json").is_file():
            return cls(path)
        if local_folder(sweep).is_dir():
            raise StorageError(f"sweep {sweep!r}: this directory is no sweep: no sweep.json in it")
        if is_remote(storage):
            return cls(fetch(sweep_uri(storage, sweep)))
        listing = ", ".join(known_sweeps(storage)) or "none"
        raise StorageError(f"sweep {sweep!r}: no such sweep; known under {storage}: {listing}")

    def config(self) -> SweepConfig:
        """The resolved search-space file; its storage is where the sweep is, wherever it was."""
        return self.located(load_search_space(self.config_file))

    @property
    def address(self) -> str:
        """What names the sweep on the command line: its directory, or its URI."""
        config = self.config()
        return (
            sweep_uri(config.storage, config.name) if is_remote(config.storage) else str(self.path)
        )

    def located(self, config: SweepConfig) -> SweepConfig:
        """A search space of this sweep with the storage that it is in now.

        The file's may be relative to another folder, or the sweep's directory may have been moved.
        """
        expected = local_folder(config.storage) / config.name
        if expected.absolute() == self.path.absolute():
            return config
        return config.model_copy(update={"storage": str(self.path.absolute().parent)})

    def read_state(self) -> SweepState:
        """The sweep's state as last written. Raises StorageError where it is damaged."""
        try:
            return SweepState(**json.loads(self._state_file.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            raise StorageError(f"sweep {str(self.path)!r}: its sweep.json is damaged") from None

    def write_config(self, config: SweepConfig, state: SweepState) -> None:
        """Write the resolved search-space file, and the copy of it in the state."""
        text = config.to_yaml()
        state.config = yaml.safe_load(text)
        _write_to_disk(self.new_config_file, text)
        self.write_state(state)
        self.finish_writing_config(state)

    def finish_writing_config(self, state: SweepState) -> None:
        """Let a search-space file that belongs to the state, but not in its place yet, go there."""
        # What a crash or a full disk has cut off may be no YAML.
        with suppress(FileNotFoundError, yaml.YAMLError):
            if yaml.safe_load(self.new_config_file.read_bytes()) == state.config:
                os.replace(self.new_config_file, self.config_file)

    def write_state(self, state: SweepState) -> None:
        """Replace the state, atomically, whatever happens to the machine."""
        fresh = self._state_file.with_suffix(".json.new")
        _write_to_disk(fresh, json.dumps(asdict(state), indent=2))
        os.replace(fresh, self._state_file)

    def started(self, assignment: Assignment) -> None:
        """Record that a trial runs."""
        self._append({"event": "started", **asdict(assignment)})

    def ended(self, trial_id: str, result: TrialResult, worker: str | None = None) -> None:
        """Record a trial's outcome, and which worker trained it, once its curve is on disk."""
        if self._curve_file(trial_id).exists():
            with self._curve_file(trial_id).open("ab") as curve:
                os.fsync(curve.fileno())
        self._append({"event": "ended", "id": trial_id, "worker": worker, **result.to_json()})

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
            kind, time_s = event.pop("event"), event.pop("time_s", None)
            if kind == "started":
                record = TrialRecord(Assignment(**event), started_s=time_s)
                records[record.id] = record
            else:
                record = records[event.pop("id")]
                record.worker, record.ended_s = event.pop("worker", None), time_s
                record.result = TrialResult(**event)
        return records

    def repair(self) -> None:
        """Cut off the unfinished last line that a crash may have left in any file of lines.

        What it left half written beside its place is deleted, as are checkpoints of ended trials.
        """
        for file in (*self.path.glob("*.new"), *self.checkpoints_path.glob("*.new")):
            file.unlink()
        for record in self.trials().values():
            if record.result:
                self.checkpoint(record.id).remove()
        for file in (self._trials_file, *self._curves_path.glob("*.jsonl")):
            if file.exists():
                cut_off_torn_line(file)

    def weights_file(self, trial_id: str) -> Path:
        """Where a trial leaves its final weights."""
        return self.weights_path / f"{trial_id}.pt"

    def checkpoint(self, trial_id: str) -> CheckpointFile:
        """Where a trial that has not ended keeps its state."""
        # Brings torch along, which those who only read results do without.
        from msann_sweep.training.checkpoint import CheckpointFile

        return CheckpointFile(self.checkpoints_path / f"{trial_id}.ckpt")

    def _curve_file(self, trial_id: str) -> Path:
        return self._curves_path / f"{trial_id}.jsonl"

    def _append(self, event: dict[str, Any]) -> None:
        with self._trials_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**event, "time_s": round(time.time(), 3)}) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _write_to_disk(file: Path, text: str) -> None:
    """Write a file so that not even the machine's end takes it back."""
    with file.open("w", encoding="utf-8") as content:
        content.write(text)
        content.flush()
        os.fsync(content.fileno())


def _read_lines(file: Path) -> Iterator[Any]:
    """The JSON lines of a file; an unfinished last line, as a crash leaves it, is passed over."""
    if not file.exists():
        return
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)


def name_taken(config: SweepConfig, path: Path) -> StorageError:
    """The error of a sweep whose directory is there already."""
    return StorageError(
        f"sweep {config.name!r}: {path} exists already; go on with it by "
        f"`msann-sweep resume {config.name}`, or choose another name with --name"
    )
