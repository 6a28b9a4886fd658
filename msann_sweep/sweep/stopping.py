"""Ending what cannot win: trials in the race, samples behind the others, and whole sweeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ray import tune

from msann_sweep.config import Stopping, SweepConfig
from msann_sweep.sweep.assignment import PRUNED, RACE, SAMPLE, SWEEP_BUDGET
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.rungs import rungs, standing
from msann_sweep.sweep.snapshot import LeftOutOfSnapshots
from msann_sweep.sweep.study import SweepStudy
from msann_sweep.training import Row, TrialResult

NON_FINITE = "non_finite"


class Race:
    """A sample loses when its cost exceeds ``race_factor`` × the best cost-to-1/10 so far.

    Baselines never lose, nor does a trial that has reached its target. ``best_cost`` is the
    best of an earlier part of the sweep, if any; ``race_factor`` None switches the race off.
    """

    def __init__(self, race_factor: float | None, best_cost: float | None = None) -> None:
        self.race_factor = race_factor
        self.best_cost = best_cost

    def loses(self, result: Mapping[str, Any]) -> bool:
        """Whether the trial, by its newest result, can no longer win."""
        reached = result["cost_to_tenth"]
        if reached is not None:
            self.best_cost = min(reached, self.best_cost or reached)
            return False
        if self.race_factor is None or self.best_cost is None or result["role"] != SAMPLE:
            return False
        return bool(result["cost"] > self.race_factor * self.best_cost)


class Pruning:
    """Samples are compared at common costs by Optuna's pruner; those that it gives up are pruned.

    A sample stands for itself by its first seed: with it, all its seeds are given up. One that has
    ended goes on counting at the later costs as it ended. ``records`` are those of an earlier part
    of the sweep, ``curve_of`` gives the recorded curve of a trial.
    """

    def __init__(
        self,
        config: SweepConfig,
        study: SweepStudy,
        records: Mapping[str, TrialRecord],
        curve_of: Callable[[str], list[Row]],
    ) -> None:
        self.config = config
        self.study = study
        self.curve_of = curve_of
        self.rungs = rungs(config.training.budget_cost)
        self.on = config.search.pruner != "none"
        self.curves: dict[str, list[Row]] = {}
        self.pruned: set[str] = set()
        for record in records.values():
            sample = record.assignment.sample
            if record.result and record.result.stop_reason == PRUNED:
                self.pruned.add(sample)
            elif not record.result and self._leads(record.id, sample) and sample in study.params:
                self.curves[sample] = curve_of(record.id)
                self._report(sample, 0.0)

    def _leads(self, trial_id: str, sample: str) -> bool:
        return self.on and trial_id in (sample, f"{sample}.{self.config.search.seed}")

    def loses(self, result: Mapping[str, Any]) -> bool:
        """Whether the trial is to be given up, by its newest result."""
        sample = result["sample"]
        if not self.on or result["role"] != SAMPLE:
            return False
        if self._leads(result["id"], sample) and "val_mse" in result:
            curve = self.curves.setdefault(sample, [])
            del curve[result["evaluation"] :]
            before = curve[-1]["cost"] if curve else 0.0
            names = (name for name in Row.__annotations__ if name in result)
            row: Any = {name: result[name] for name in names}
            curve.append(row)
            self._report(sample, before)
            if result["stop_reason"] and result["stop_reason"] != NON_FINITE:
                self._ended(sample)
        return sample in self.pruned

    def _report(self, sample: str, before: float) -> None:
        """Report the rungs that the curve has passed since cost ``before``."""
        curve = self.curves[sample]
        if not curve:
            return
        stopping = self.config.stopping
        for rung in self.rungs:
            if before < rung <= curve[-1]["cost"]:
                value = standing(curve, rung, stopping.target, stopping.accuracy)
                if self.study.report(sample, rung, value):
                    self.pruned.add(sample)
                    return

    def _ended(self, sample: str) -> None:
        """One that has ended by itself is not pruned; at the later rungs it stays as it is."""
        self.pruned.discard(sample)
        self._report_whole(sample, self.curves.pop(sample), by_itself=True)

    def catch_up(self, sample: str, result: TrialResult, trial_id: str) -> None:
        """Before a sample is told: report what the study has not heard of its first seed.

        That is nothing, unless the study is new, or its storage was away.
        """
        self.curves.pop(sample, None)
        curve = self.curve_of(trial_id) if self.on and not self.study.is_told(sample) else []
        if curve:
            self._report_whole(sample, curve, by_itself=result.status == "finished")

    def _report_whole(self, sample: str, curve: list[Row], *, by_itself: bool) -> None:
        stopping, cost = self.config.stopping, curve[-1]["cost"]
        for rung in self.rungs:
            if rung <= cost or by_itself:
                at_cost = min(rung, cost)
                value = standing(curve, at_cost, stopping.target, stopping.accuracy)
                self.study.report(sample, rung, value)


class SweepLimits:
    """What a whole sweep may cost and take, and how long it goes on without a better sample.

    Made anew from the record's ``records`` and the ``curves`` of trials left running;
    ``elapsed_s`` says how long the sweep has run, all its parts together.
    """

    def __init__(
        self,
        stopping: Stopping,
        records: Mapping[str, TrialRecord],
        curves: Mapping[str, list[Row]],
        elapsed_s: Callable[[], float],
    ) -> None:
        self.stopping = stopping
        self.elapsed_s = elapsed_s
        self.costs = {each.id: each.result.cost for each in records.values() if each.result}
        self.costs |= {trial_id: curve[-1]["cost"] for trial_id, curve in curves.items() if curve}
        self.since_best = 0
        self.ended_by: str | None = None
        """What ended the sweep before all of its trials, in words."""

    def note_cost(self, trial_id: str, cost: float) -> None:
        """Take a trial's cost so far, in finest-level training examples."""
        # A trial that goes on after a crash reports once more from its beginning.
        self.costs[trial_id] = max(cost, self.costs.get(trial_id, 0.0))

    def note_progress(self, since_best: int) -> None:
        """Take how many samples have ended since the best one."""
        self.since_best = since_best

    def spent(self) -> bool:
        """Whether a budget of the sweep is used up: no trial is begun, those that run are ended."""
        limits = self.stopping
        if limits.sweep_budget_s is not None and self.elapsed_s() >= limits.sweep_budget_s:
            self.ended_by = f"stopping.sweep_budget_s: {limits.sweep_budget_s:,.0f} s are used up"
            return True
        total = sum(self.costs.values()) if limits.sweep_budget_cost is not None else 0.0
        if limits.sweep_budget_cost is not None and total >= limits.sweep_budget_cost:
            budget = f"{limits.sweep_budget_cost:,.0f}"
            self.ended_by = f"stopping.sweep_budget_cost: a cost of {budget} is used up"
            return True
        return False

    def reached(self) -> bool:
        """Whether no further sample is to be drawn; trials that run go on unless ``spent``."""
        patience = self.stopping.patience
        if patience is not None and self.since_best >= patience:
            self.ended_by = f"stopping.patience: {patience} samples since the best were no better"
            return True
        return self.spent()


class TrialStopper(LeftOutOfSnapshots, tune.Stopper):
    """Stops single trials, each at its next evaluation; ``stopped`` says which and why."""

    def __init__(self, race: Race, pruning: Pruning, limits: SweepLimits) -> None:
        self.race = race
        self.pruning = pruning
        self.limits = limits
        self.stopped: dict[str, str] = {}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:  # noqa: ARG002 - Ray's signature
        self.limits.note_cost(result["id"], result["cost"])
        lost, pruned = self.race.loses(result), self.pruning.loses(result)
        if result["stop_reason"]:
            return False
        reasons = {RACE: lost, PRUNED: pruned, SWEEP_BUDGET: self.limits.spent()}
        reason = next((reason for reason, holds in reasons.items() if holds), None)
        if reason:
            self.stopped[result["id"]] = reason
        return reason is not None

    def stop_all(self) -> bool:
        """A sweep ends when its searcher has no more trials, and those that run have ended."""
        return False
