"""Best, worst, default and tuned default of a sweep, compared fairly, sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from msann_sweep.sweep.assignment import DEFAULT, SAMPLE
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.sample import Sample, samples_of

Rank = Callable[[Sample], tuple[float, float, float]]


@dataclass(frozen=True)
class Comparison:
    """The trials that the paper's tables compare; None where a sweep has no such trial.

    ``best`` and ``worst`` are MsANN trials (L > 0), ``default`` is plain training with the file's
    training section, ``tuned_default`` the best plain training (L = 0) of the whole sweep.
    """

    best: TrialRecord | None
    worst: TrialRecord | None
    default: TrialRecord | None
    tuned_default: TrialRecord | None


@dataclass(frozen=True)
class SampleComparison:
    """As :class:`Comparison`, of samples: what the tables say of them are means over seeds."""

    best: Sample | None
    worst: Sample | None
    default: Sample | None
    tuned_default: Sample | None

    @property
    def plain(self) -> Sample | None:
        """What MsANN has to beat: the tuned default where there is one."""
        return self.tuned_default or self.default


def rank_by_cost(sample: Sample) -> tuple[float, float, float]:
    """Sort key, best first: known mean costs to the target ascending, then the censored ones.

    The cost of a sample some of whose seeds did not arrive is known only to exceed what they were
    trained for; fewer such seeds come first, then those that came closer to their target.
    """
    share_missing = sample.n_missing / len(sample.records)
    if not share_missing:
        return 0.0, sample.cost_to_tenth.mean, 0.0
    return share_missing, sample.mean_remaining, -sample.cost_to_tenth.mean


def rank_by_final_mse(sample: Sample) -> tuple[float, float, float]:
    """Sort key, best first: mean final MSE ascending, then cost."""
    return 0.0, sample.final_mse.mean, sample.mean_cost


def compare_samples(records: Iterable[TrialRecord], rank: Rank = rank_by_cost) -> SampleComparison:
    """Compare the samples of which no trial is running or has failed; ``rank`` orders them.

    ``best`` is None while no MsANN sample has ended, ``worst`` is the last of the order (perhaps
    censored, then only a lower bound of its cost is known; never a failed one).
    """
    ranked = sorted(samples_of(records), key=rank)
    of_kind = {
        kind: [sample for sample in ranked if kind_of(sample) == kind]
        for kind in ("multilevel", "default", "tuned_default")
    }
    first = {kind: next(iter(samples), None) for kind, samples in of_kind.items()}
    return SampleComparison(
        best=first["multilevel"],
        worst=of_kind["multilevel"][-1] if first["multilevel"] else None,
        default=first["default"],
        tuned_default=first["tuned_default"],
    )


def kind_of(sample: Sample) -> str:
    """What a sample is compared as: "multilevel" (L > 0), "default" or "tuned_default"."""
    if sample.params.get("L", 0) > 0:
        return "multilevel"
    return "default" if sample.role == DEFAULT else "tuned_default"


def compare(records: Iterable[TrialRecord], rank: Rank = rank_by_cost) -> Comparison:
    """The compared samples' own best trials (the worst's own worst): one seed stands for all."""
    return compared_trials(compare_samples(records, rank), rank)


def compared_trials(compared: SampleComparison, rank: Rank = rank_by_cost) -> Comparison:
    """The trials that stand for compared samples."""
    return Comparison(
        best=_one_of(compared.best, rank),
        worst=_one_of(compared.worst, rank, last=True),
        default=_one_of(compared.default, rank),
        tuned_default=_one_of(compared.tuned_default, rank),
    )


def _one_of(sample: Sample | None, rank: Rank, last: bool = False) -> TrialRecord | None:
    if sample is None:
        return None
    ordered = sorted(sample.records, key=lambda record: rank(Sample((record,))))
    return ordered[-1 if last else 0]


def pareto_front(records: Iterable[TrialRecord]) -> list[Sample]:
    """The samples that no other beats in both cost to the target and final MSE, cheapest first.

    Those that did not reach their target with every seed have no known cost and are left out.
    """
    known = [s for s in samples_of(records) if s.role == SAMPLE and not s.n_missing]
    front: list[Sample] = []
    for sample in sorted(known, key=lambda s: (s.cost_to_tenth.mean, s.final_mse.mean)):
        if not front or sample.final_mse.mean < front[-1].final_mse.mean:
            front.append(sample)
    return front
