"""What steers a sweep - its study, its searcher, its stopper - made from what is recorded of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msann_sweep.config import SweepConfig
from msann_sweep.errors import MsannError
from msann_sweep.sweep.log import SWEEP, log_event
from msann_sweep.sweep.record import SweepDirectory
from msann_sweep.sweep.search import SweepSearcher
from msann_sweep.sweep.stopping import Pruning, Race, SweepLimits, TrialStopper
from msann_sweep.sweep.study import SweepStudy
from msann_sweep.sweep.study_storage import StoredStudy, check_study_storage, open_stored
from msann_sweep.sweep.warm_start import earlier_samples, learn_from

CLOSING_PATIENCE_S = 30.0


def check_search(config: SweepConfig) -> None:
    """Raise StorageError where a new sweep's study could not be kept, or has nothing to learn from.

    Makes nothing but, in a server's database that has none, Optuna's tables.
    """
    check_study_storage(config)
    if config.search.warm_start:
        earlier_samples(config)


@dataclass(frozen=True)
class Steering:
    """Everything that chooses and ends trials."""

    searcher: SweepSearcher
    stopper: TrialStopper
    limits: SweepLimits
    stored: StoredStudy

    @classmethod
    def of(
        cls,
        config: SweepConfig,
        directory: SweepDirectory,
        study_name: str,
        elapsed_s: Callable[[], float],
    ) -> Steering:
        """As the sweep's record has it; raises StorageError where the study cannot be opened."""
        records = directory.trials()
        unfinished = [record.id for record in records.values() if not record.result]
        curves = {trial_id: directory.curve(trial_id) for trial_id in unfinished}
        stored = open_stored(config, directory.study_file, study_name)
        study = SweepStudy(config, stored)
        if config.search.warm_start and not study.params and not (records and study.n_learnt()):
            log_event(SWEEP, "warm start", _learnt(config, study, new=not records))
        results = [record.result for record in records.values() if record.result]
        costs = [result.cost_to_tenth for result in results if result.cost_to_tenth]
        race = Race(config.stopping.race_factor, min(costs, default=None))
        limits = SweepLimits(config.stopping, records, curves, elapsed_s)
        pruning = Pruning(config, study, records, directory.curve)
        return cls(
            SweepSearcher(config, study, records, limits, pruning),
            TrialStopper(race, pruning, limits),
            limits,
            stored,
        )

    def close(self) -> str | None:
        """Write what the study's storage has not got yet; what is to be said of the sweep's end."""
        self.stored.flush(CLOSING_PATIENCE_S)
        notes = [self.limits.ended_by and f"ended by {self.limits.ended_by}"]
        if learnt := self.searcher.study.n_learnt():
            notes.append(f"the sampler began with {learnt} samples of an earlier sweep")
        if self.stored.lost:
            notes.append(f"the study could not be stored ({self.stored.lost}); `resume` stores it")
        return "; ".join(note for note in notes if note) or None


def _learnt(config: SweepConfig, study: SweepStudy, *, new: bool) -> str:
    """What a study without samples of its own learns of the earlier sweep, in words."""
    try:
        return learn_from(config, study)
    except MsannError as error:
        if new:
            raise
        # It was learnt from once, and a study that is lost keeps no sweep from going on.
        return f"not learnt again: {error}"
