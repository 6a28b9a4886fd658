"""What a sweep is to train: baselines and samples, each with an id that never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msann_sweep.config import SweepConfig

DEFAULT = "default"
TUNED_DEFAULT = "tuned_default"
SAMPLE = "sample"

RACE = "race"
PRUNED = "pruned"
SWEEP_BUDGET = "sweep_budget"
"""Why a sweep stops a trial: its ``stop_reason``."""


@dataclass(frozen=True)
class Assignment:
    """One trial: a sample's hyperparameters with one seed.

    ``role`` is "default", "tuned_default" or "sample"; ``sample`` names what the seeds of one
    sample share; ``id`` is the sample's name, with ".seed" appended where there are several seeds.
    """

    id: str
    sample: str
    role: str
    seed: int
    params: dict[str, Any]


def with_seeds(
    config: SweepConfig, sample: str, role: str, params: Mapping[str, Any]
) -> list[Assignment]:
    """The trials of one sample: every sample is trained with the same seeds."""
    seeds = range(config.search.seed, config.search.seed + config.search.seeds)
    several = config.search.seeds > 1
    return [
        Assignment(f"{sample}.{seed}" if several else sample, sample, role, seed, dict(params))
        for seed in seeds
    ]


def baselines(config: SweepConfig) -> list[Assignment]:
    """The default and the tuned default of a sweep: plain training, L = 0, never raced.

    The default uses the ``training`` section as it is; the tuned default tries
    ``search.baseline_rates`` learning rates spread over the space's range.
    """
    if not config.search.baselines:
        return []
    reference = {"L": 0, "learning_rate": config.training.learning_rate}
    planned = with_seeds(config, "default", DEFAULT, reference)
    rates = config.space.baseline_rates(config.search.baseline_rates, config.training.learning_rate)
    for number, rate in enumerate(rates, start=1):
        params = {"L": 0, "learning_rate": rate}
        planned += with_seeds(config, f"tuned-{number}", TUNED_DEFAULT, params)
    return planned
