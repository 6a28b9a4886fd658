"""Whether one sweep's best beats another's beyond the noise between seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from msann_sweep.report.wording import number
from msann_sweep.sweep.sample import Sample
from msann_sweep.training import TrialResult

RESAMPLES = 10_000
CONFIDENCE = 0.95
SEED = 1


@dataclass(frozen=True)
class Verdict:
    """The first's geometric mean over the second's, between ``low`` and ``high`` with 95 %.

    Where it cannot be told, ``unknown`` says why and the bounds are None.
    """

    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    unknown: str | None = None

    def words(self, what: str, first: str, second: str) -> str:
        """One sentence: whether the second needs less of ``what`` than the first."""
        if self.ratio is None:
            return f"{what}: cannot be told, {self.unknown}."
        ratio = number(self.ratio, 3)
        times = f"as much as {second}'s" if ratio == "1" else f"{ratio} times that of {second}"
        if self.low is None or self.high is None:
            return f"{what}: {first}'s best has {times}; whether beyond the noise {self.unknown}."
        bounds = f"95 % interval {number(self.low, 3)} to {number(self.high, 3)}"
        if self.low > 1:
            judged = f"{second} is better beyond the noise"
        elif self.high < 1:
            judged = f"{first} is better beyond the noise"
        else:
            judged = "the difference does not exceed the noise"
        return f"{what}: {first}'s best has {times} ({bounds}); {judged}."


Measure = Callable[[TrialResult], float | None]


def cost_to_target(result: TrialResult) -> float | None:
    """In finest-level training examples; None where it was not reached."""
    return result.cost_to_tenth


def measures(loss: str) -> dict[str, Measure]:
    """What two sweeps are compared in, by name; ``loss`` is what theirs is called."""
    return {
        "cost to target": cost_to_target,
        "seconds to target": lambda result: result.wall_to_tenth_s,
        f"final {loss}": lambda result: result.final_mse,
    }


def judge(first: Sample, second: Sample, measure: Measure) -> Verdict:
    """Compare two samples by resampling their seeds; reproducible."""
    values = [_values(sample, measure) for sample in (first, second)]
    for sample, known in zip((first, second), values, strict=True):
        if len(known) < len(sample.results):
            missing = len(sample.results) - len(known)
            return Verdict(
                unknown=f"{missing} of {len(sample.results)} seeds of {sample.name} did not arrive"
            )
    logs = [np.log(known) for known in values]
    ratio = float(np.exp(logs[0].mean() - logs[1].mean()))
    if min(map(len, logs)) < 2:
        return Verdict(ratio, unknown="cannot be told from one seed (search.seeds: 3 would tell)")
    generator = np.random.default_rng(SEED)
    means = [
        each[generator.integers(len(each), size=(RESAMPLES, len(each)))].mean(axis=1)
        for each in logs
    ]
    tails = (1 - CONFIDENCE) / 2
    low, high = np.exp(np.quantile(means[0] - means[1], (tails, 1 - tails)))
    return Verdict(ratio, float(low), float(high))


def _values(sample: Sample, measure: Measure) -> Sequence[float]:
    found = (measure(result) for result in sample.results)
    return [max(value, 1e-12) for value in found if value is not None]
