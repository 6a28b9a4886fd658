"""Optuna's samplers and pruners as a search-space file names them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from msann_sweep.config import Choice, Entry, FloatRange, IntRange, SweepConfig
from msann_sweep.config.search_checks import learnable
from msann_sweep.sweep.rungs import REDUCTION, rungs

NSGA2_POPULATION = 12
"""Optuna's 50 would leave most sweeps of multilevel training at random search."""


class LearnableSpaceCmaEs(optuna.samplers.CmaEsSampler):
    """CMA-ES of the ranges that are part of every sample, from the first sample on.

    Optuna's own takes what the samples so far have in common; once a conditional hyperparameter has
    been missing for the first time, its optimizer's dimension fits no more and it draws at random.
    """

    def __init__(self, names: tuple[str, ...], **settings: Any) -> None:
        super().__init__(**settings)
        self.names = names

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The ranges it learns, as far as samples have them."""
        found = super().infer_relative_search_space(study, trial)
        return {name: found[name] for name in self.names if name in found}


class ResumableNsga2(optuna.samplers.NSGAIISampler):
    """NSGA-II that chooses the same parents whether or not it has been asked for them before.

    Optuna's own has them in another order the first time than from then on, when it knows them.
    """

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """The parents of a generation, in the order of their numbers."""
        parents = super().get_parent_population(study, generation)
        return sorted(parents, key=lambda trial: trial.number)


def make_sampler(
    config: SweepConfig, number: int, earlier: list[FrozenTrial]
) -> optuna.samplers.BaseSampler:
    """The sampler for sample ``number``, seeded by the sweep's seed and that number alone.

    ``earlier`` are the samples of an earlier sweep that the study was started with.
    """
    name = "random" if config.search.grid else config.search.sampler
    entropy = np.random.SeedSequence([config.search.seed, number])
    seed = int(entropy.generate_state(1)[0])
    with warnings.catch_warnings():
        # Experimental in name only: what they do is pinned by the lock file.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "tpe":
            return optuna.samplers.TPESampler(
                seed=seed, multivariate=True, group=True, constant_liar=True
            )
        if name == "gp":
            return optuna.samplers.GPSampler(seed=seed, warn_independent_sampling=False)
        if name == "nsga2":
            return ResumableNsga2(seed=seed, population_size=NSGA2_POPULATION)
        if name == "cma_es":
            return LearnableSpaceCmaEs(
                learnable(config.space, "cma_es"),
                seed=seed,
                warn_independent_sampling=False,
                source_trials=_projected(config, earlier) or None,
            )
    return optuna.samplers.RandomSampler(seed=seed)


def _projected(config: SweepConfig, earlier: list[FrozenTrial]) -> list[FrozenTrial]:
    """Complete trials with nothing but what CMA-ES learns: it takes no others to start from."""
    names = learnable(config.space, "cma_es")
    return [
        optuna.trial.create_trial(
            values=trial.values,
            params={name: trial.params[name] for name in names},
            distributions={name: trial.distributions[name] for name in names},
        )
        for trial in earlier
        if trial.state == TrialState.COMPLETE
    ]


def make_pruner(config: SweepConfig) -> optuna.pruners.BasePruner:
    """The pruner; its steps are the costs of :func:`rungs`."""
    if config.search.pruner == "asha":
        lowest = rungs(config.training.budget_cost)[0]
        return optuna.pruners.SuccessiveHalvingPruner(
            min_resource=lowest, reduction_factor=REDUCTION
        )
    if config.search.pruner == "median":
        return optuna.pruners.MedianPruner()
    return optuna.pruners.NopPruner()


def suggest(trial: optuna.Trial, name: str, entry: Entry) -> Any:
    """Ask Optuna for one active hyperparameter."""
    if isinstance(entry, Choice):
        return trial.suggest_categorical(name, entry.values)
    if isinstance(entry, IntRange):
        return trial.suggest_int(name, entry.low, entry.high, step=entry.step, log=entry.log)
    if isinstance(entry, FloatRange):
        return trial.suggest_float(name, entry.low, entry.high, step=entry.step, log=entry.log)
    raise TypeError(f"{name}: {entry!r} is nothing to sample")
