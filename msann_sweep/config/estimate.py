"""How large a sweep is before it starts: trials, and the most that they can cost."""

from __future__ import annotations

from dataclasses import dataclass

from msann_sweep.config.hyperparameters import MULTILEVEL
from msann_sweep.config.schema import Stopping
from msann_sweep.config.search_checks import learnable
from msann_sweep.config.sweep_config import SweepConfig


@dataclass(frozen=True)
class SpaceDescription:
    """The size of a sweep.

    ``size`` is the number of distinct samples (None: a range is continuous); ``baselines`` and
    ``samples`` count trials, all seeds included; ``max_cost`` is in finest-level training
    examples and ``max_training_s`` in seconds of training, summed over trials (None: no limit);
    both are upper bounds, since trials also end at their target or when they cannot win.
    ``limits`` say what may end the sweep before all of its trials, ``notes`` what may be a mistake.
    """

    size: int | None
    baselines: int
    samples: int
    max_cost: float
    max_training_s: float | None
    limits: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def trials(self) -> int:
        """All trials."""
        return self.baselines + self.samples

    def __str__(self) -> str:
        size = "continuous" if self.size is None else f"{self.size:,} samples"
        limit = ""
        if self.max_training_s is not None:
            limit = f", and at most {self.max_training_s:,.0f} s of training"
        lines = [
            f"space: {size}",
            f"trials: {self.trials:,} ({self.baselines:,} baselines, {self.samples:,} samples)",
            f"cost: at most {self.max_cost:,.0f} finest-level training examples{limit}",
            *(f"ends early: {limit}" for limit in self.limits),
            *(f"note: {note}" for note in self.notes),
        ]
        return "\n".join(lines)


def describe(config: SweepConfig) -> SpaceDescription:
    """The size of a sweep and an upper estimate of its cost."""
    search, training, space = config.search, config.training, config.space
    size = space.size()
    rates = space.baseline_rates(search.baseline_rates, training.learning_rate)
    baselines = (1 + len(rates)) * search.seeds if search.baselines else 0
    # A grid admits no continuous range, so its size is known.
    samples = (size or 0) if search.grid else search.trials
    trials = baselines + samples * search.seeds
    max_cost = trials * training.budget_cost
    return SpaceDescription(
        size=size,
        baselines=baselines,
        samples=samples * search.seeds,
        max_cost=min(max_cost, config.stopping.sweep_budget_cost or max_cost),
        max_training_s=None if training.budget_s is None else trials * training.budget_s,
        limits=_limits(config.stopping),
        notes=(*_notes(config), *_sampler_notes(config)),
    )


def _limits(stopping: Stopping) -> tuple[str, ...]:
    limits = []
    if stopping.sweep_budget_s is not None:
        limits.append(f"after {stopping.sweep_budget_s:,.0f} s (stopping.sweep_budget_s)")
    if stopping.sweep_budget_cost is not None:
        cost = f"{stopping.sweep_budget_cost:,.0f}"
        limits.append(f"at a cost of {cost} over all trials (stopping.sweep_budget_cost)")
    if stopping.patience is not None:
        limits.append(f"{stopping.patience} samples after the best one (stopping.patience)")
    return tuple(limits)


def _notes(config: SweepConfig) -> tuple[str, ...]:
    notes = []
    idle = [name for name in config.space.entries if name in MULTILEVEL]
    if idle and not any(value != 0 for value in config.space.values("L")):
        notes.append(f"L is always 0, so these have no effect: {', '.join(idle)}")
    size = config.space.size()
    if not config.search.grid and size is not None and size < config.search.trials:
        notes.append(
            f"search.trials is {config.search.trials}, but the space has {size} samples only; "
            "some will be tried again"
        )
    return tuple(notes)


def _sampler_notes(config: SweepConfig) -> tuple[str, ...]:
    """What a sampler cannot learn, in this space and with these ways to stop."""
    search, space = config.search, config.space
    if search.grid or search.sampler in ("tpe", "random"):
        return ()
    notes = []
    learnt = learnable(space, search.sampler)
    others = [name for name in learnable(space, "tpe") if name not in learnt]
    if others:
        notes.append(
            f"{search.sampler} draws these at random, it learns what is part of every sample"
            f"{' and a range' if search.sampler == 'cma_es' else ''} only: {', '.join(others)}"
        )
    stops = config.stopping.race_factor is not None or search.pruner != "none"
    if stops and search.sampler != "cma_es":
        notes.append(
            f"{search.sampler} does not learn from samples that were stopped early; "
            "stopping.race_factor: null and search.pruner: none let them end"
        )
    return tuple(notes)
