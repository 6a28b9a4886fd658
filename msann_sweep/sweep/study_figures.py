"""Optuna's own pictures of what was searched, made from the sweep's record.

The study they are drawn from is built in memory from the trials that have ended, so that a grid
has pictures, too, and neither a lock nor a lost database stands in the way.
"""

from __future__ import annotations

import math
import statistics
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from msann_sweep.config import Choice, FloatRange, IntRange, SweepConfig
from msann_sweep.sweep.objective import objective
from msann_sweep.sweep.record import TrialRecord

MOST_SAMPLES = 500
SEED = 1
OBJECTIVE = "log10 of cost to target"


def distributions(config: SweepConfig) -> dict[str, BaseDistribution]:
    """What each hyperparameter of the space was chosen from, constants left out."""
    found: dict[str, BaseDistribution] = {}
    for name, entry in config.space.entries.items():
        if isinstance(entry, Choice) and len(entry.values) > 1:
            found[name] = CategoricalDistribution(entry.values)
        elif isinstance(entry, IntRange):
            found[name] = IntDistribution(
                entry.low, entry.high, log=entry.log, step=entry.step or 1
            )
        elif isinstance(entry, FloatRange):
            found[name] = FloatDistribution(entry.low, entry.high, log=entry.log, step=entry.step)
    return found


def recorded_study(config: SweepConfig, records: Iterable[TrialRecord]) -> optuna.Study:
    """The multilevel samples that have ended, each with the mean of its seeds' objectives.

    At most MOST_SAMPLES of them, the best; values outside the space are left out.
    """
    known = distributions(config)
    seeds: defaultdict[str, list[TrialRecord]] = defaultdict(list)
    for record in records:
        if record.result and record.result.params.get("L", 0) > 0:
            seeds[record.assignment.sample].append(record)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize")
    trials = [_trial(config, known, same) for same in seeds.values()]
    values = sorted(trial.value for trial in trials if trial.value is not None)
    last = values[:MOST_SAMPLES][-1] if values else math.inf
    kept = [trial for trial in trials if trial.value is not None and trial.value <= last]
    study.add_trials(kept[:MOST_SAMPLES])
    return study


def _trial(
    config: SweepConfig, known: dict[str, BaseDistribution], same: list[TrialRecord]
) -> optuna.trial.FrozenTrial:
    target, budget = config.stopping.target, config.training.budget_cost
    results = [record.result for record in same if record.result]
    value = statistics.fmean(objective(r, target=target, budget_cost=budget) for r in results)
    sampled = same[0].assignment.params
    params = {
        name: sampled[name]
        for name, chosen in known.items()
        if name in sampled and chosen._contains(chosen.to_internal_repr(sampled[name]))
    }
    return optuna.trial.create_trial(
        params=params, distributions={name: known[name] for name in params}, value=value
    )


class SearchPictures:
    """Parallel coordinates, importance and slices: plotly figures, and the same as PNG files."""

    def __init__(self, config: SweepConfig, records: Iterable[TrialRecord]) -> None:
        self.study = recorded_study(config, records)
        self.samples = self.study.get_trials(deepcopy=False)
        values = {n: {t.params.get(n) for t in self.samples} for n in config.space.order()}
        self.names = [name for name, distinct in values.items() if len(distinct) > 1]

    @property
    def enough(self) -> bool:
        """Whether there is anything to see: samples that differ in something."""
        return len(self.samples) >= 3 and bool(self.names) and self._differ

    @property
    def _differ(self) -> bool:
        return len({trial.value for trial in self.samples}) > 1

    @cached_property
    def importances(self) -> dict[str, float]:
        """Share of each hyperparameter that every sample has in the objective's spread."""
        shared = [n for n in self.names if all(n in t.params for t in self.samples)]
        if not shared or not self._differ:
            return {}
        # Brings scikit-learn with it, which a sweep too small for pictures does without.
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        with _quiet():
            return get_param_importances(
                self.study, evaluator=PedAnovaImportanceEvaluator(), params=shared
            )

    def figures(self) -> dict[str, Any]:
        """Plotly figures by name: "parallel", "slices" and, if they can be told, "importance"."""
        import optuna.visualization as drawn

        return {name: draw() for name, draw in self._pictures(drawn).items()}

    def write(self, folder: Path) -> list[str]:
        """The same by matplotlib, as ``search-NAME.png``; returns the files' names."""
        import matplotlib.pyplot as plt
        import numpy as np
        import optuna.visualization.matplotlib as drawn

        plt.switch_backend("agg")
        pictures = self._pictures(drawn)
        for name, draw in pictures.items():
            # Optuna changes the style of everything that is drawn afterwards.
            with plt.rc_context():
                figure = np.ravel(draw())[0].figure
                if name == "parallel":
                    figure.set_size_inches(1.7 * (len(self.names) + 2), 5)
                figure.savefig(folder / f"search-{name}.png", dpi=110, bbox_inches="tight")
                plt.close(figure)
        return [f"search-{name}.png" for name in pictures]

    def _pictures(self, drawn: Any) -> dict[str, Callable[[], Any]]:
        options = {"target_name": OBJECTIVE}

        def importance() -> Any:
            from optuna.importance import PedAnovaImportanceEvaluator

            evaluator = PedAnovaImportanceEvaluator()
            shared = list(self.importances)
            return drawn.plot_param_importances(self.study, evaluator, shared, **options)

        quietly = {
            "parallel": lambda: drawn.plot_parallel_coordinate(self.study, self.names, **options),
            "slices": lambda: drawn.plot_slice(self.study, self.names, **options),
        }
        if self.importances:
            quietly["importance"] = importance
        return {name: _quietly(draw) for name, draw in quietly.items()}


def _quietly(draw: Callable[[], Any]) -> Callable[[], Any]:
    def quiet() -> Any:
        with _quiet():
            return draw()

    return quiet


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna calls its matplotlib pictures and evaluators experimental; the lock pins them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
