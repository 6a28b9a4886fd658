"""A sweep without training: what Tune does with a searcher, and results made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msann_sweep.config import SweepConfig, load_search_space
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.search import SweepSearcher
from msann_sweep.sweep.stopping import Pruning, Race, SweepLimits, TrialStopper
from msann_sweep.sweep.study import SweepStudy
from msann_sweep.sweep.study_storage import open_stored
from msann_sweep.training import Row
from tests.sweep.test_objective_and_summary import result

SPACE = """
task: {kind: one_object, n: 6}
space:
  L: {int: [0, 3]}
  gamma: {choice: [1, 2]}
  k: {int: [1, 8], log: true}
  prolongation: {choice: [path, random]}
  coarse_step: {choice: [exact, galerkin], when: {prolongation: [path]}}
  learning_rate: {float: [1.0e-3, 1.0e-1], log: true}
search:
  trials: 8
  seed: 4
  baseline_rates: 2
  start_points: [{L: 2, gamma: 2, prolongation: path}]
"""


def load(tmp_path: Path, *overrides: str) -> SweepConfig:
    file = tmp_path / "space.yaml"
    file.write_text(SPACE)
    return load_search_space(file, (*overrides, f"storage={tmp_path}"))


class Sweep:
    """Suggestions in order, results told by the recorder; the better the lower the rate.

    ``records`` are what an earlier part of the sweep has recorded, ``curves`` what its trials had
    got to.
    """

    def __init__(
        self,
        config: SweepConfig,
        journal: Path,
        records: dict[str, TrialRecord] | None = None,
        curves: dict[str, list[Row]] | None = None,
    ) -> None:
        self.config = config
        self.records = dict(records or {})
        self.stored = open_stored(config, journal, config.name)
        self.study = SweepStudy(config, self.stored)
        self.limits = SweepLimits(config.stopping, self.records, curves or {}, lambda: 0.0)
        self.curves = dict(curves or {})
        pruning = Pruning(config, self.study, self.records, lambda each: self.curves.get(each, []))
        self.searcher = SweepSearcher(config, self.study, self.records, self.limits, pruning)
        race = Race(config.stopping.race_factor)
        self.stopper = TrialStopper(race, pruning, self.limits)

    def next(self) -> Assignment | None:
        config = self.searcher.suggest("tune's id")
        if isinstance(config, str):
            return None
        assignment = Assignment(**config)
        self.records[assignment.id] = TrialRecord(assignment)
        return assignment

    def end(self, assignment: Assignment, **fields: Any) -> None:
        cost = 1000.0 * assignment.params["learning_rate"] + assignment.params["L"]
        ended = result(**{"cost_to_tenth": cost, "params": assignment.params, **fields})
        self.records[assignment.id] = TrialRecord(assignment, ended)
        self.searcher.record_result(assignment, ended)

    def run(self, at_most: int = 1000) -> list[Assignment]:
        ended: list[Assignment] = []
        while len(ended) < at_most and (assignment := self.next()):
            self.end(assignment)
            ended.append(assignment)
        return ended
