"""Choosing what to train next: one Ray Tune searcher over the sweep's Optuna study."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from optuna.trial import TrialState
from ray.tune.search import Searcher

from msann_sweep.config import SweepConfig
from msann_sweep.sweep.assignment import PRUNED, SAMPLE, Assignment, baselines, with_seeds
from msann_sweep.sweep.objective import sample_objectives
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.snapshot import LeftOutOfSnapshots
from msann_sweep.sweep.stopping import Pruning, SweepLimits
from msann_sweep.sweep.study import SweepStudy
from msann_sweep.training import TrialResult


class SampleSource:
    """The samples of a sweep by number: known ones, start points, then what the sampler says.

    With an exhaustive grid its samples take the start points' place. ``started`` are the samples
    that the sweep's record knows; a study that has lost one learns it from there.
    """

    def __init__(
        self, config: SweepConfig, study: SweepStudy, started: dict[str, dict[str, Any]]
    ) -> None:
        self.config = config
        self.study = study
        self.started = started
        self.points: Iterator[dict[str, Any]] = (
            config.space.grid() if config.search.grid else iter(config.search.start_points)
        )

    def known(self, sample: str) -> bool:
        """Whether an earlier part of the sweep has drawn it."""
        return sample in self.study.params or sample in self.started

    def draw(self, number: int) -> dict[str, Any] | None:
        """Hyperparameters of a sample, known or new, or None after the last; called in order."""
        sample, search = sample_name(number), self.config.search
        point = next(self.points, None)
        over = point is None if search.grid else number >= search.trials
        if over and not self.known(sample):
            return None
        if sample in self.study.params:
            return self.study.params[sample]
        return self.study.ask(sample, number, self.started.get(sample, point or {}))

    def tell(self, sample: str, results: Sequence[TrialResult]) -> None:
        """Give the outcome of a sample's seeds to the study; telling twice does no harm.

        A failed seed makes a failed sample; one that was stopped, a pruned sample.
        """
        statuses = {result.status for result in results}
        if "failed" in statuses:
            self.study.tell(sample, TrialState.FAIL, [], {})
            return
        state = TrialState.PRUNED if "stopped" in statuses else TrialState.COMPLETE
        self.study.tell(
            sample, state, sample_objectives(self.config, results), _attributes(results)
        )


def sample_name(number: int) -> str:
    """What a sample is called, and its trials' ids begin with."""
    return f"t{number:04d}"


def _attributes(results: Sequence[TrialResult]) -> dict[str, float]:
    """What a person wants to see beside the objective in Optuna's dashboard."""
    finals = [result.final_mse for result in results if result.final_mse is not None]
    costs = [result.cost_to_tenth for result in results]
    known = [cost for cost in costs if cost is not None]
    attributes = {"mse": statistics.fmean(finals)} if finals else {}
    return attributes | ({"cost": statistics.fmean(known)} if len(known) == len(costs) else {})


class SweepSearcher(LeftOutOfSnapshots, Searcher):
    """Hands Tune the baselines, then the samples, leaving out what has already ended.

    ``records`` are those of an earlier part of the sweep by trial id. Outcomes come through
    :meth:`record_result`, called by the recorder, which knows how each trial ended.
    """

    def __init__(
        self,
        config: SweepConfig,
        study: SweepStudy,
        records: dict[str, TrialRecord],
        limits: SweepLimits,
        pruning: Pruning,
    ) -> None:
        super().__init__()
        self.config = config
        self.study = study
        self.limits = limits
        self.pruning = pruning
        self.source = SampleSource(config, study, _started(records.values()))
        self.results = {each.id: each.result for each in records.values() if each.result}
        self.cut_off = {each.id for each in records.values() if not each.result}
        self.siblings: dict[str, list[str]] = {}
        self.queue = self._assignments()

    def _assignments(self) -> Iterator[Assignment]:
        """Every trial of the sweep that has not ended, asking Optuna only when it is needed."""
        for assignment in baselines(self.config):
            if assignment.id not in self.results:
                yield assignment
        for number in itertools.count():
            sample = sample_name(number)
            if self.limits.reached() and not self.source.known(sample):
                return
            params = self.source.draw(number)
            if params is None:
                return
            planned = with_seeds(self.config, sample, SAMPLE, params)
            self.siblings[sample] = [assignment.id for assignment in planned]
            self._tell_if_complete(sample)
            for trial in planned:
                given_up = self._is_pruned(sample) and trial.id not in self.cut_off
                if trial.id not in self.results and not given_up:
                    yield trial

    def suggest(  # type: ignore[override]  # FINISHED is a string
        self,
        trial_id: str,  # noqa: ARG002 - Ray's signature
    ) -> dict[str, Any] | str:
        """The next trial's configuration, or FINISHED.

        Trials that were cut off are handed out whatever has been decided of them since: they end
        at their next evaluation, and only then does the record have their results.
        """
        for assignment in self.queue:
            if assignment.id in self.cut_off or not self.limits.spent():
                return asdict(assignment)
        return Searcher.FINISHED

    def record_result(self, assignment: Assignment, result: TrialResult) -> None:
        """Take a trial's outcome; the sample is told once all its seeds have ended."""
        self.results[assignment.id] = result
        self._tell_if_complete(assignment.sample)

    def _tell_if_complete(self, sample: str) -> None:
        ids = self.siblings.get(sample, [])
        ended = [self.results[trial_id] for trial_id in ids if trial_id in self.results]
        if ids and (len(ended) == len(ids) or self._is_pruned(sample)):
            self.pruning.catch_up(sample, self.results[ids[0]], ids[0])
            self.source.tell(sample, ended)
            if self.config.stopping.patience is not None:
                self.limits.note_progress(self.study.since_best())

    def _is_pruned(self, sample: str) -> bool:
        """Whether the sample's seeds are given up because the first of them was pruned."""
        leader = self.results.get(self.siblings[sample][0])
        return leader is not None and leader.stop_reason == PRUNED

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: outcomes come through :meth:`record_result`."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study and the sweep's record are the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the study and the sweep's record are the state."""


def _started(records: Iterable[TrialRecord]) -> dict[str, dict[str, Any]]:
    """The hyperparameters of every sample that the record knows."""
    assignments = (record.assignment for record in records)
    return {each.sample: each.params for each in assignments if each.role == SAMPLE}
