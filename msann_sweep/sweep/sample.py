"""A sample over its seeds: means with standard errors, and whether a difference exceeds noise."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from msann_sweep.sweep.record import TrialRecord
from msann_sweep.training import TrialResult

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """The mean of a quantity over the seeds of a sample.

    ``error`` is the standard error of the mean, None with a single seed. Where ``at_least``, some
    seeds have only a lower bound of theirs (they stopped first): so is the mean, without an error.
    """

    mean: float
    error: float | None = None
    at_least: bool = False

    @classmethod
    def of(cls, values: Sequence[float], at_least: bool = False) -> Estimate:
        """Mean and standard error of one value per seed."""
        mean = statistics.fmean(values)
        if len(values) < 2 or at_least:
            return cls(mean, None, at_least)
        return cls(mean, statistics.stdev(values) / math.sqrt(len(values)))

    def shown(self, number: Callable[[float], str]) -> str:
        """In words, "12,300 ± 400" or a lower bound, "> 12,300"; ``number`` forms each number."""
        error = f" ± {number(self.error)}" if self.error is not None else ""
        return f"{'> ' if self.at_least else ''}{number(self.mean)}{error}"


@dataclass(frozen=True)
class Sample:
    """The ended, not failed trials of one sample, one per seed (at least one)."""

    records: tuple[TrialRecord, ...]

    @property
    def name(self) -> str:
        """What its trials' ids begin with."""
        return self.records[0].assignment.sample

    @property
    def role(self) -> str:
        """ "default", "tuned_default" or "sample"."""
        return self.records[0].assignment.role

    @property
    def params(self) -> dict[str, Any]:
        """Its hyperparameters as they were asked for."""
        return self.records[0].assignment.params

    @cached_property
    def results(self) -> tuple[TrialResult, ...]:
        """Its trials' results, seed by seed."""
        return tuple(record.result for record in self.records if record.result)

    @property
    def n_missing(self) -> int:
        """How many seeds did not reach the target, or were stopped before they could."""
        return sum(result.cost_to_tenth is None for result in self.results)

    @cached_property
    def cost_to_tenth(self) -> Estimate:
        """Cost to the target, in finest-level training examples."""
        return Estimate.of([_cost(each) for each in self.results], at_least=self.n_missing > 0)

    @cached_property
    def wall_to_tenth_s(self) -> Estimate:
        """Seconds of training to the target."""
        return Estimate.of([_seconds(each) for each in self.results], at_least=self.n_missing > 0)

    @cached_property
    def final_mse(self) -> Estimate:
        """Validation MSE at the end of training."""
        return Estimate.of([r.final_mse for r in self.results if r.final_mse is not None])

    @property
    def mean_cost(self) -> float:
        """Cost of training, target or not."""
        return statistics.fmean(result.cost for result in self.results)

    @property
    def mean_remaining(self) -> float:
        """Lowest MSE as a share of the initial one."""
        return statistics.fmean(
            r.best_mse / r.initial_mse for r in self.results if r.best_mse and r.initial_mse
        )

    def to_json(self) -> dict[str, Any]:
        """The sample as ``results --json`` prints it."""
        return {
            "sample": self.name,
            "role": self.role,
            "params": self.results[0].params or self.params,
            "trials": [record.id for record in self.records],
            "reached": len(self.records) - self.n_missing,
            "cost_to_tenth": asdict(self.cost_to_tenth),
            "wall_to_tenth_s": asdict(self.wall_to_tenth_s),
            "final_mse": asdict(self.final_mse),
        }


def _cost(result: TrialResult) -> float:
    """Cost to the target, or where it was not reached, in all."""
    return result.cost if result.cost_to_tenth is None else result.cost_to_tenth


def _seconds(result: TrialResult) -> float:
    """Seconds of training to the target, or where it was not reached, in all."""
    return result.wall_s if result.wall_to_tenth_s is None else result.wall_to_tenth_s


def samples_of(records: Iterable[TrialRecord]) -> list[Sample]:
    """The samples of which no trial is running or has failed, in the order of their start."""
    by_name: dict[str, list[TrialRecord]] = {}
    for record in records:
        by_name.setdefault(record.assignment.sample, []).append(record)
    return [sample for each in by_name.values() if (sample := known_sample(each))]


def known_sample(trials: Collection[TrialRecord]) -> Sample | None:
    """The sample whose started trials these are, by seed.

    None while one is running, or if one failed.
    """
    by_seed = sorted(trials, key=lambda record: record.assignment.seed)
    return Sample(tuple(by_seed)) if all(map(_is_known, trials)) else None


def _is_known(record: TrialRecord) -> bool:
    result = record.result
    return bool(
        result
        and result.status != "failed"
        and result.initial_mse
        and result.best_mse is not None
        and result.final_mse is not None
    )


@dataclass(frozen=True)
class Difference:
    """How much less of something the first of two samples needs to the target than the second.

    ``ratio`` is the second's geometric mean over the first's, ``low`` and ``high`` bound it
    with 95 % confidence (Welch's t-test of the logarithms), ``exceeds_noise`` says whether that
    interval leaves out 1. They are None where ``unknown`` says why it cannot be told;
    where ``at_least``, some seeds of the second never arrived, and the ratio is a lower bound.
    """

    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    exceeds_noise: bool | None = None
    at_least: bool = False
    unknown: str | None = None


def difference_in_cost(first: Sample, second: Sample) -> Difference:
    """Compare two samples' costs to the target."""
    return _difference(first, second, _cost)


def difference_in_seconds(first: Sample, second: Sample) -> Difference:
    """Compare two samples' seconds of training to the target."""
    return _difference(first, second, _seconds)


def _difference(
    first: Sample, second: Sample, needed: Callable[[TrialResult], float]
) -> Difference:
    """Compare what every trial needed to the target, or at least has used where it stopped."""
    if first.n_missing:
        return Difference(unknown=f"{first.name} did not reach the target with every seed")
    logs = [
        [math.log(max(needed(result), 1e-6)) for result in each.results] for each in (first, second)
    ]
    gap = statistics.fmean(logs[1]) - statistics.fmean(logs[0])
    ratio, at_least = math.exp(gap), second.n_missing > 0
    if min(map(len, logs)) < 2:
        unknown = "with one seed the noise is unknown (search.seeds: 3 would tell)"
        return Difference(ratio, at_least=at_least, unknown=unknown)
    half_width = _half_width(*logs)
    return Difference(
        ratio,
        at_least=at_least,
        low=math.exp(gap - half_width),
        high=math.exp(gap + half_width),
        exceeds_noise=abs(gap) > half_width,
    )


def _half_width(first: Sequence[float], second: Sequence[float]) -> float:
    """Half of Welch's confidence interval of the difference of two means."""
    shares = [statistics.variance(values) / len(values) for values in (first, second)]
    total = sum(shares)
    if total == 0:
        return 0.0
    # scipy takes a while to import, and only sweeps with several seeds get here.
    from scipy.special import stdtrit

    squares = (s**2 / (len(v) - 1) for s, v in zip(shares, (first, second), strict=True))
    freedom = total**2 / sum(squares)
    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * math.sqrt(total)
