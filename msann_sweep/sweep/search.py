"""Choosing what to train next: one Ray Tune searcher over an Optuna study on disk.

The study's trials carry the sample's name (user attribute ``sample``), so that a sweep that was
cut off finds its running samples again instead of asking for new ones. The sampler is seeded
anew for every sample from the sweep's seed and the sample's number: what is asked depends on the
study alone, not on how often the sweep was interrupted.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from ray.tune.search import Searcher

from msann_sweep.config import Choice, Entry, FloatRange, IntRange, SweepConfig
from msann_sweep.sweep.assignment import Assignment, baselines, with_seeds
from msann_sweep.sweep.objective import objective
from msann_sweep.sweep.snapshot import LeftOutOfSnapshots
from msann_sweep.training import TrialResult


def make_sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    """TPE (multivariate, grouped: conditional spaces need it) or random, seeded."""
    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    with warnings.catch_warnings():
        # Experimental in name only: what they do is pinned by the lock file.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=seed, multivariate=True, group=True, constant_liar=True
        )


def suggest(trial: optuna.Trial, name: str, entry: Entry) -> Any:
    """Ask Optuna for one active hyperparameter."""
    if isinstance(entry, Choice):
        return trial.suggest_categorical(name, entry.values)
    if isinstance(entry, IntRange):
        return trial.suggest_int(name, entry.low, entry.high, step=entry.step, log=entry.log)
    if isinstance(entry, FloatRange):
        return trial.suggest_float(name, entry.low, entry.high, step=entry.step, log=entry.log)
    raise TypeError(f"{name}: {entry!r} is nothing to sample")


def open_study(file: Path, config: SweepConfig) -> optuna.Study:
    """The sweep's study, made if need be; start points are enqueued once."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(file))),
        study_name=config.name,
        direction="minimize",
        load_if_exists=True,
    )
    if not study.trials:
        for point in config.search.start_points:
            study.enqueue_trial(point)
    return study


class SampleSource:
    """Endless samples of the space from Optuna, or the exhaustive grid, in a stable order.

    ``results`` are told by sample; with several seeds the objective is their mean.
    """

    def __init__(self, config: SweepConfig, study_file: Path) -> None:
        self.config = config
        self.study = None if config.search.grid else open_study(study_file, config)
        self.numbers: dict[str, int] = {}

    def samples(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(name, hyperparameters) of every sample, those of an earlier part of the sweep first."""
        if self.study is None:
            for number, params in enumerate(self.config.space.grid()):
                yield f"t{number:04d}", params
            return
        known = [trial for trial in self.study.trials if "sample" in trial.user_attrs]
        for trial in known:
            self.numbers[trial.user_attrs["sample"]] = trial.number
            yield trial.user_attrs["sample"], trial.user_attrs["params"]
        for number in range(len(known), self.config.search.trials):
            yield self._ask(f"t{number:04d}", number)

    def _ask(self, sample: str, number: int) -> tuple[str, dict[str, Any]]:
        assert self.study is not None
        seed = np.random.SeedSequence([self.config.search.seed, number]).generate_state(1)[0]
        self.study.sampler = make_sampler(self.config.search.sampler, int(seed))
        trial = self.study.ask()
        params = self.config.space.walk(lambda name, entry: suggest(trial, name, entry))
        trial.set_user_attr("params", params)
        trial.set_user_attr("sample", sample)
        self.numbers[sample] = trial.number
        return sample, params

    def tell(self, sample: str, results: Iterable[TrialResult]) -> None:
        """Give the outcome of all of a sample's seeds to Optuna; telling twice does no harm.

        A sample that was stopped because it lost is told as pruned, ranked by its penalised value.
        """
        if self.study is None or sample not in self.numbers:
            return
        trial = self.study.trials[self.numbers[sample]]
        if trial.state.is_finished():
            return
        results = list(results)
        config = self.config
        value = statistics.fmean(
            objective(
                result, target=config.stopping.target, budget_cost=config.training.budget_cost
            )
            for result in results
        )
        lost = any(result.status == "stopped" for result in results)
        if lost:
            optuna.Trial(self.study, trial._trial_id).report(value, step=0)
        self.study.tell(
            trial.number,
            None if lost else value,
            state=TrialState.PRUNED if lost else TrialState.COMPLETE,
        )


class SweepSearcher(LeftOutOfSnapshots, Searcher):
    """Hands Tune the baselines, then the samples, leaving out what has already ended.

    ``ended`` are the results of an earlier part of the sweep by trial id. Outcomes come through
    :meth:`record_result`, called by the recorder, which knows how each trial ended.
    """

    def __init__(
        self, config: SweepConfig, source: SampleSource, ended: dict[str, TrialResult]
    ) -> None:
        super().__init__()
        self.config = config
        self.source = source
        self.results = dict(ended)
        self.siblings: dict[str, list[str]] = {}
        self.queue = self._assignments()

    def _assignments(self) -> Iterator[Assignment]:
        """Every trial of the sweep that has not ended, asking Optuna only when it is needed."""
        for assignment in baselines(self.config):
            if assignment.id not in self.results:
                yield assignment
        for sample, params in self.source.samples():
            planned = with_seeds(self.config, sample, "sample", params)
            self.siblings[sample] = [assignment.id for assignment in planned]
            self._tell_if_complete(sample)
            yield from (trial for trial in planned if trial.id not in self.results)

    def suggest(  # type: ignore[override]  # FINISHED is a string
        self,
        trial_id: str,  # noqa: ARG002 - Ray's signature
    ) -> dict[str, Any] | str:
        """The next trial's configuration, or FINISHED."""
        assignment = next(self.queue, None)
        return asdict(assignment) if assignment else Searcher.FINISHED

    def record_result(self, assignment: Assignment, result: TrialResult) -> None:
        """Take a trial's outcome; the sample is told once all its seeds have ended."""
        self.results[assignment.id] = result
        self._tell_if_complete(assignment.sample)

    def _tell_if_complete(self, sample: str) -> None:
        ids = self.siblings.get(sample, [])
        if ids and all(trial_id in self.results for trial_id in ids):
            self.source.tell(sample, [self.results[trial_id] for trial_id in ids])

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: outcomes come through :meth:`record_result`."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study on disk is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the study on disk is the state."""
