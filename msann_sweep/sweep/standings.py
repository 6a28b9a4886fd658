"""A running sweep's comparison, kept up to date trial by trial.

Comparing all trials anew takes longer the more there are; here a start or an end of a trial costs
no more than finding its sample's place in an order.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from msann_sweep.sweep.assignment import PRUNED
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.sample import Sample, known_sample
from msann_sweep.sweep.summary import (
    Comparison,
    SampleComparison,
    compared_trials,
    kind_of,
    rank_by_cost,
)

Key = tuple[tuple[float, float, float], int]


class Ranking:
    """Samples in the order of their cost, equal ones in that of their start."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, Key]] = {}
        self._ordered: dict[str, list[tuple[Key, Sample]]] = {
            "multilevel": [],
            "default": [],
            "tuned_default": [],
        }

    def place(self, name: str, number: int, sample: Sample | None) -> None:
        """Put the sample that began as the ``number``-th where it belongs; None: nowhere."""
        if name in self._keys:
            kind, key = self._keys.pop(name)
            ordered = self._ordered[kind]
            del ordered[bisect_left(ordered, key, key=_key)]
        if sample is not None:
            kind, key = kind_of(sample), (rank_by_cost(sample), number)
            self._keys[name] = kind, key
            insort(self._ordered[kind], (key, sample), key=_key)

    def compare(self) -> SampleComparison:
        """The first and the last of the order, and the first of both kinds of plain training."""
        return SampleComparison(
            best=self._at("multilevel", slice(1)),
            worst=self._at("multilevel", slice(-1, None)),
            default=self._at("default", slice(1)),
            tuned_default=self._at("tuned_default", slice(1)),
        )

    def _at(self, kind: str, where: slice) -> Sample | None:
        # A slice, unlike an index, cannot fail while another thread places a sample.
        return next((sample for _, sample in self._ordered[kind][where]), None)


def _key(entry: tuple[Key, Sample]) -> Key:
    return entry[0]


class Standings:
    """What ``compare`` says of all trials noted, and whose weights are still of use.

    ``seeds`` is how many trials a whole sample has.
    """

    def __init__(self, records: Iterable[TrialRecord] = (), seeds: int = 1) -> None:
        self._seeds = seeds
        self._trials: dict[str, dict[str, TrialRecord]] = {}
        self._numbers: dict[str, int] = {}
        self._ranking = Ranking()
        self._whole = Ranking()
        self._open: dict[str, set[str]] = {}
        for record in records:
            self.note(record)

    def note(self, record: TrialRecord) -> None:
        """Take a trial into account that has begun, or has ended."""
        name = record.assignment.sample
        trials = self._trials.setdefault(name, {})
        trials[record.id] = record
        number = self._numbers.setdefault(name, len(self._numbers))
        sample = known_sample(trials.values())
        self._open.pop(name, None)
        if self._is_open(trials.values()):
            self._open[name] = {each.id for each in trials.values() if each.result}
        self._ranking.place(name, number, sample)
        self._whole.place(name, number, None if name in self._open else sample)

    def _is_open(self, trials: Iterable[TrialRecord]) -> bool:
        """Whether trials of a sample have ended, but fewer than it has seeds; none was pruned."""
        reasons = [record.result.stop_reason for record in trials if record.result]
        return 0 < len(reasons) < self._seeds and PRUNED not in reasons

    def compare(self) -> Comparison:
        """Best, worst, default and tuned default of the trials noted."""
        return compared_trials(self._ranking.compare())

    def kept(self) -> set[str]:
        """Ids of the ended trials whose weights may yet be compared, or are.

        All trials of a sample count until as many as it has seeds have ended, or it was pruned.
        """
        rankings = [self._ranking.compare(), self._whole.compare()]
        compared = [record for each in rankings for record in vars(compared_trials(each)).values()]
        return {record.id for record in compared if record}.union(*self._open.values())
