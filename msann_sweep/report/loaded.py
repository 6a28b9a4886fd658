"""A recorded sweep in a notebook: ``load_sweep(path).frame()``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msann_sweep.config import SweepConfig
from msann_sweep.sweep.lease import live_owner
from msann_sweep.sweep.record import SweepDirectory, SweepState, TrialRecord
from msann_sweep.sweep.summary import compare
from msann_sweep.training import Row

if TYPE_CHECKING:
    import pandas as pd

STORAGE = Path("runs")
CURVE_COLUMNS = ("cost", "wall_s", "val_mse", "val_accuracy", "level", "steps_per_level")


@dataclass(frozen=True)
class LoadedSweep:
    """What was recorded of a sweep at the moment it was read; a running sweep goes on."""

    directory: SweepDirectory
    config: SweepConfig
    state: SweepState
    records: tuple[TrialRecord, ...]

    @classmethod
    def read(cls, directory: SweepDirectory) -> LoadedSweep:
        """Read a sweep's directory; the curves are read when they are asked for."""
        records = tuple(directory.trials().values())
        return cls(directory, directory.config(), directory.read_state(), records)

    @property
    def name(self) -> str:
        """The sweep's name."""
        return self.state.name

    @property
    def running(self) -> bool:
        """Whether the sweep ran when it was read."""
        return self.state.status == "running" and live_owner(self.directory.path) is not None

    @property
    def ended(self) -> tuple[TrialRecord, ...]:
        """The trials that have a result, failures included."""
        return tuple(record for record in self.records if record.result)

    def curve(self, trial_id: str) -> list[Row]:
        """One trial's evaluations."""
        return self.directory.curve(trial_id)

    def frame(self) -> pd.DataFrame:
        """One row a trial, indexed by ``id``.

        Columns: ``status``, ``stop_reason``, ``message``, ``role``, ``sample``, ``seed``, every
        hyperparameter under its own name, ``initial_mse``, ``final_mse``, ``best_mse``,
        ``cost_to_tenth``, ``wall_to_tenth_s``, ``cost``, ``wall_s``, ``steps_per_level``,
        ``censored``, ``worker``, ``started_s`` and ``ended_s`` (seconds since 1970). What is not
        known is missing (NaN or None).
        """
        import pandas as pd

        rows = [_flat(record) for record in self.records]
        return pd.DataFrame(rows, columns=None if rows else list(FRAME_COLUMNS)).set_index("id")

    def curves(self, trials: Iterable[str] | None = None) -> pd.DataFrame:
        """One row an evaluation: ``id``, ``cost``, ``wall_s``, ``val_mse``, ``level`` and so on.

        ``trials`` are the ids wanted, None: all.
        """
        import pandas as pd

        ids = [record.id for record in self.records] if trials is None else list(trials)
        rows = [{"id": trial_id, **row} for trial_id in ids for row in self.curve(trial_id)]
        named = ("id", *CURVE_COLUMNS) if any("val_accuracy" in row for row in rows) else _PLAIN
        return pd.DataFrame(rows, columns=list(named))

    def best(self) -> pd.Series | None:
        """The frame's row of the best MsANN trial; None while there is none."""
        best = compare(self.records).best
        if best is None:
            return None
        frame = self.frame()
        return frame.iloc[list(frame.index).index(best.id)]


_PLAIN = ("id", *(name for name in CURVE_COLUMNS if name != "val_accuracy"))
FRAME_COLUMNS = (
    *("id", "status", "stop_reason", "message", "role", "sample", "seed"),
    *("initial_mse", "final_mse", "best_mse", "cost_to_tenth", "wall_to_tenth_s"),
    *("cost", "wall_s", "steps_per_level", "censored"),
)


def _flat(record: TrialRecord) -> dict[str, Any]:
    known = record.to_json()
    params = known.pop("params")
    head, tail = FRAME_COLUMNS[:7], FRAME_COLUMNS[7:]
    return {
        **{name: known[name] for name in head},
        **params,
        **{name: known[name] for name in tail},
        "worker": record.worker,
        "started_s": record.started_s,
        "ended_s": record.ended_s,
    }


def load_sweep(sweep: str | Path, storage: str | Path = STORAGE) -> LoadedSweep:
    """The sweep of that directory, or of that name under ``storage``.

    Raises StorageError, naming the sweeps there are, when there is no such sweep.
    """
    return LoadedSweep.read(SweepDirectory.find(str(sweep), storage))
