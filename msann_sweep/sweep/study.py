"""The Optuna study of a sweep: one in memory that samplers and pruners see, one that is stored.

A sample is drawn in memory and then stored by a single write, with its name and hyperparameters: a
crash leaves all of it or nothing, and nothing is drawn again alike. The sampler is seeded anew
for every sample from the sweep's seed and the sample's number, so that what is asked depends on
the study alone, not on how often the sweep was interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from msann_sweep.config import SweepConfig
from msann_sweep.sweep.log import log_event
from msann_sweep.sweep.samplers import make_pruner, make_sampler, suggest
from msann_sweep.sweep.study_storage import SAMPLE_ATTR, StoredStudy

WARM_START = "warm_start"


class SweepStudy:
    """Asks, ranks and remembers the samples of a sweep by their names."""

    def __init__(self, config: SweepConfig, stored: StoredStudy) -> None:
        self.config = config
        self.stored = stored
        self.memory = optuna.create_study(
            directions=["minimize"] * len(config.search.objectives), pruner=make_pruner(config)
        )
        self.params: dict[str, dict[str, Any]] = {}
        self._numbers: dict[str, int] = {}
        for trial in stored.trials():
            self._remember(trial)

    def _remember(self, trial: FrozenTrial) -> None:
        name = trial.user_attrs[SAMPLE_ATTR]
        if name in self._numbers:
            return
        self._numbers[name] = len(self.memory.get_trials(deepcopy=False))
        if WARM_START not in trial.user_attrs:
            self.params[name] = trial.user_attrs["params"]
        self.memory.add_trial(trial)

    def ask(self, sample: str, number: int, point: Mapping[str, Any]) -> dict[str, Any]:
        """The hyperparameters of a new sample; those in ``point`` are given."""
        earlier = [trial for trial in self._all() if WARM_START in trial.user_attrs]
        self.memory.sampler = make_sampler(self.config, number, earlier)
        if point:
            self.memory.enqueue_trial(dict(point))
        trial = self.memory.ask()
        params = self.config.space.walk(lambda name, entry: suggest(trial, name, entry))
        trial.set_user_attr(SAMPLE_ATTR, sample)
        trial.set_user_attr("params", params)
        trial.set_user_attr("role", "sample")
        self._numbers[sample] = trial.number
        self.params[sample] = params
        self.stored.add(self._trial(sample))
        log_event(sample, "asked", " ".join(f"{name}={value}" for name, value in params.items()))
        return params

    def learn(self, name: str, earlier: FrozenTrial) -> None:
        """Take over an ended sample of an earlier sweep; twice does no harm."""
        if name not in self._numbers:
            self._remember(earlier)
            self.stored.add(earlier)

    def report(self, sample: str, rung: int, value: float) -> bool:
        """Tell how a sample stands at a rung, in ascending order; whether it should be pruned."""
        trial = self._open(sample)
        last = self._trial(sample).last_step
        if last is not None and rung <= last:
            return False
        trial.report(value, rung)
        return trial.should_prune()

    def tell(
        self,
        sample: str,
        state: TrialState,
        values: Sequence[float],
        attributes: Mapping[str, Any],
    ) -> None:
        """Tell how a sample ended; telling twice does no harm.

        A pruned one is told with its last value: that at its last rung, or else ``values``.
        """
        if not self.is_told(sample):
            trial = self._open(sample)
            for key, value in attributes.items():
                trial.set_user_attr(key, value)
            complete = state == TrialState.COMPLETE
            one_value = len(self.memory.directions) == 1
            if state == TrialState.PRUNED and one_value and self._trial(sample).last_step is None:
                trial.report(values[0], 0)
            self.memory.tell(self._numbers[sample], list(values) if complete else None, state=state)
        self.stored.finish(self._trial(sample))

    def is_told(self, sample: str) -> bool:
        """Whether the study knows how a sample ended."""
        return self._trial(sample).state.is_finished()

    def n_learnt(self) -> int:
        """How many samples of an earlier sweep it began with."""
        return sum(WARM_START in trial.user_attrs for trial in self._all())

    def since_best(self) -> int:
        """How many samples of this sweep, drawn after its best one, have ended no better."""
        own = [trial for trial in self._all() if WARM_START not in trial.user_attrs]
        complete = [trial for trial in own if trial.state == TrialState.COMPLETE]
        best = -1
        if complete and len(self.memory.directions) == 1:
            best = min(complete, key=lambda trial: (trial.values[0], trial.number)).number
        elif complete:
            numbers = {trial.number for trial in complete}
            front = {trial.number for trial in self.memory.best_trials} & numbers
            best = max(front, default=-1)
        return sum(trial.state.is_finished() and trial.number > best for trial in own)

    def _all(self) -> list[FrozenTrial]:
        return self.memory.get_trials(deepcopy=False)

    def _trial(self, sample: str) -> FrozenTrial:
        return self._all()[self._numbers[sample]]

    def _open(self, sample: str) -> optuna.Trial:
        """The sample's trial of the study in memory, to be reported to."""
        return optuna.Trial(self.memory, self._trial(sample)._trial_id)
