"""Rungs, pruning by Optuna's pruners, and the limits of a whole sweep, without training."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FrozenTrial

from msann_sweep.config import Stopping
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.objective import penalised
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.rungs import rungs, standing
from msann_sweep.sweep.stopping import SweepLimits
from msann_sweep.training import Row
from tests.sweep.sweeps import Sweep, load
from tests.sweep.test_objective_and_summary import result

BUDGET = "training.budget_cost=810"
NO_RACE = "stopping.race_factor=null"
RUNGS = [10, 30, 90, 270]


def row(cost: float, mse: float) -> Row:
    return Row(val_mse=mse, cost=cost, wall_s=cost / 100, level=0, steps_per_level=[int(cost)])


def curve_down_to(share: float, cost: float = 810.0) -> list[Row]:
    """MSE falls from 1 to ``share``, its logarithm linearly in that of the cost."""
    costs = [0.0, *(10 ** (i / 4) for i in range(99) if 10 ** (i / 4) < cost), cost]
    falls = [math.log(max(each, 1.0)) / math.log(cost) for each in costs]
    return [row(each, share**fall) for each, fall in zip(costs, falls, strict=True)]


def test_rungs_are_costs_three_times_the_one_before() -> None:
    assert rungs(810.0) == RUNGS
    assert rungs(1.0) == [1, 3, 9, 27]


@settings(deadline=None, derandomize=True)
@given(st.floats(0.11, 1.0), st.floats(0.11, 1.0), st.sampled_from(RUNGS))
def test_at_one_rung_trials_rank_by_their_mse(first: float, second: float, rung: int) -> None:
    values = [standing(curve_down_to(share), rung, 0.1) for share in (first, second)]
    if abs(first - second) > 1e-6:
        assert (first < second) == (values[0] < values[1])


def test_between_evaluations_log_mse_is_linear_in_cost() -> None:
    curve = [row(0, 1.0), row(5, 0.8), row(15, 0.2)]
    assert standing(curve, 10, 0.1) == pytest.approx(penalised(10, math.sqrt(0.8 * 0.2) / 0.1))
    assert standing(curve, 15, 0.1) == pytest.approx(penalised(15, 2.0))


def test_the_lowest_mse_so_far_counts() -> None:
    curve = [row(0, 1.0), row(5, 0.2), row(10, 0.9), row(20, 0.8)]
    assert standing(curve, 20, 0.1) == pytest.approx(penalised(20, 2.0))


def test_a_reached_target_counts_by_its_cost() -> None:
    curve = [row(0, 1.0), row(4, 0.1), row(20, 0.05)]
    assert standing(curve, 20, 0.1) == pytest.approx(math.log10(4))
    assert standing(curve, 2, 0.1) == pytest.approx(penalised(2, math.sqrt(0.1) / 0.1))


def train(sweep: Sweep, assignment: Assignment, curve: list[Row], resumed: int = 0) -> str | None:
    """Report the curve as a trial does, from row ``resumed`` on; why it was stopped, if it was."""
    reported: list[Row] = curve[:resumed]
    for number, each in enumerate(curve[resumed:], start=resumed):
        reported.append(each)
        last = number == len(curve) - 1
        reply: dict[str, Any] = {
            **each,
            "id": assignment.id,
            "sample": assignment.sample,
            "role": assignment.role,
            "evaluation": number,
            "cost_to_tenth": None,
            "stop_reason": "budget_cost" if last else None,
        }
        if sweep.stopper("tune's id", reply):
            break
    reason = sweep.stopper.stopped.get(assignment.id)
    fields = {
        "cost_to_tenth": None,
        "cost": reported[-1]["cost"],
        "best_mse": min(each["val_mse"] for each in reported),
        "status": "stopped" if reason else "finished",
        "stop_reason": reason or "budget_cost",
    }
    sweep.curves[assignment.id] = list(reported)
    sweep.end(assignment, **fields)
    return reason


def taken(sweep: Sweep) -> Assignment:
    assignment = sweep.next()
    assert assignment
    return assignment


@pytest.mark.parametrize("pruner", ["asha", "median"])
def test_a_sample_behind_the_others_is_pruned(tmp_path: Path, pruner: str) -> None:
    settings = (f"search.pruner={pruner}", BUDGET, NO_RACE, "search.baselines=false")
    sweep = Sweep(load(tmp_path, *settings, "search.trials=12"), tmp_path / "study")
    shares = [0.3] * 6 + [0.9, 0.2]
    reasons = [train(sweep, taken(sweep), curve_down_to(share)) for share in shares]
    assert reasons == [None] * 6 + ["pruned", None]
    trials = sweep.stored.trials()
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 6 + ["PRUNED", "COMPLETE"]
    assert list(trials[0].intermediate_values) == RUNGS
    behind = trials[6]
    assert list(behind.intermediate_values) == [10]
    assert behind.value == behind.intermediate_values[10]


def test_asha_goes_on_with_the_best_third(tmp_path: Path) -> None:
    settings = ("search.pruner=asha", BUDGET, NO_RACE, "search.baselines=false")
    sweep = Sweep(load(tmp_path, *settings, "search.trials=9"), tmp_path / "study")
    shares = [0.9, 0.8, 0.7, 0.6, 0.65, 0.75, 0.59, 0.95, 0.58]
    reasons = [train(sweep, taken(sweep), curve_down_to(share)) for share in shares]
    assert reasons == [None, None, None, None, "pruned", "pruned", None, "pruned", None]


def test_one_that_reached_its_target_early_counts_at_later_rungs(tmp_path: Path) -> None:
    settings = ("search.pruner=asha", BUDGET, NO_RACE, "search.baselines=false")
    sweep = Sweep(load(tmp_path, *settings), tmp_path / "study")
    slow_start = [row(0, 1.0), row(11, 0.99), row(31, 0.98), row(50, 0.05)]
    assert train(sweep, taken(sweep), slow_start) is None
    (first,) = sweep.stored.trials()
    assert list(first.intermediate_values) == RUNGS
    fast_start = [row(0, 1.0), row(11, 0.9), row(31, 0.8), row(91, 0.7), row(300, 0.6)]
    assert train(sweep, taken(sweep), fast_start) == "pruned"
    assert list(sweep.stored.trials()[1].intermediate_values) == [10, 30, 90]


def test_baselines_are_never_pruned(tmp_path: Path) -> None:
    config = load(tmp_path, "search.pruner=asha", BUDGET, NO_RACE)
    sweep = Sweep(config, tmp_path / "study")
    assert [train(sweep, taken(sweep), curve_down_to(0.99)) for _ in range(3)] == [None] * 3
    assert [train(sweep, taken(sweep), curve_down_to(share)) for share in (0.3, 0.8)] == [
        None,
        "pruned",
    ]


@pytest.mark.parametrize("behind", [0.9, 0.2])
def test_pruning_goes_on_after_a_crash_as_though_there_had_been_none(
    tmp_path: Path, behind: float
) -> None:
    config = load(tmp_path, "search.pruner=asha", BUDGET, NO_RACE, "search.baselines=false")
    undisturbed = Sweep(config, tmp_path / "undisturbed")
    curves = [curve_down_to(share) for share in (0.5, 0.4, 0.3, behind)]
    expected = [train(undisturbed, taken(undisturbed), curve) for curve in curves]
    for cut in range(1, len(curves[-1])):
        first = Sweep(config, tmp_path / f"study {cut}")
        for curve in curves[:-1]:
            train(first, taken(first), curve)
        running = taken(first)
        recorded = {running.id: curves[-1][:cut]}
        second = Sweep(config, tmp_path / f"study {cut}", first.records, recorded)
        assert taken(second) == running
        assert train(second, running, curves[-1], resumed=cut // 2) == expected[-1]
        if cut <= len(first.records):
            same = [trial.intermediate_values for trial in second.stored.trials()]
            assert same == [trial.intermediate_values for trial in undisturbed.stored.trials()]


def standing_of(trial: FrozenTrial) -> tuple[object, ...]:
    """What later samples are compared with."""
    rungs = {key: value for key, value in trial.system_attrs.items() if "rung" in key}
    return trial.state.name, trial.value, trial.intermediate_values, rungs


def test_a_study_that_was_lost_is_told_how_samples_stood(tmp_path: Path) -> None:
    config = load(tmp_path, "search.pruner=asha", BUDGET, NO_RACE, "search.baselines=false")
    first = Sweep(config, tmp_path / "study")
    for share in (0.9, 0.8, 0.7, 0.6, 0.65, 0.75, 0.59, 0.95):
        train(first, taken(first), curve_down_to(share))
    again = Sweep(config, tmp_path / "another", first.records, first.curves)
    assert again.next() is None
    before, after = ([standing_of(t) for t in each.stored.trials()] for each in (first, again))
    assert after == before
    assert {state for state, *_ in after} == {"COMPLETE", "PRUNED"}


@pytest.mark.parametrize("stop_reason", ["error", "non_finite"])
def test_a_sample_that_failed_early_leads_at_no_later_rung(
    tmp_path: Path, stop_reason: str
) -> None:
    settings = ("search.pruner=asha", BUDGET, NO_RACE, "search.baselines=false")
    sweep = Sweep(load(tmp_path, *settings), tmp_path / "study")
    failed = taken(sweep)
    sweep.curves[failed.id] = [row(0, 1.0), row(11, 0.9)]
    sweep.end(failed, cost_to_tenth=None, status="failed", stop_reason=stop_reason)
    (trial,) = sweep.stored.trials()
    assert (trial.state.name, list(trial.intermediate_values)) == ("FAIL", [10])
    assert sweep.searcher.pruning.curves == {}


def test_a_seed_that_was_cut_off_ends_though_its_sample_is_pruned(tmp_path: Path) -> None:
    settings = ("search.baselines=false", "search.seeds=3", "search.trials=1")
    config = load(tmp_path, "search.pruner=asha", BUDGET, *settings)
    first = Sweep(config, tmp_path / "study")
    leader, begun = taken(first), taken(first)
    first.end(leader, cost_to_tenth=None, status="stopped", stop_reason="pruned")
    resumed = Sweep(config, tmp_path / "study", first.records)
    assert taken(resumed) == begun
    assert train(resumed, begun, curve_down_to(0.5)) == "pruned"
    assert resumed.next() is None


def test_a_trial_that_was_cut_off_ends_though_the_budget_is_used_up(tmp_path: Path) -> None:
    config = load(tmp_path, "stopping.sweep_budget_cost=500", BUDGET, NO_RACE)
    first = Sweep(config, tmp_path / "study")
    begun = taken(first)
    half_way = {begun.id: curve_down_to(0.5)[:-1]}
    assert half_way[begun.id][-1]["cost"] > 500
    resumed = Sweep(config, tmp_path / "study", first.records, half_way)
    assert taken(resumed) == begun
    assert train(resumed, begun, curve_down_to(0.5)) == "sweep_budget"
    assert len(resumed.curves[begun.id]) == 1
    assert resumed.next() is None


def test_a_sweep_ends_when_its_cost_is_used_up(tmp_path: Path) -> None:
    config = load(tmp_path, "stopping.sweep_budget_cost=1700", BUDGET, NO_RACE)
    sweep = Sweep(config, tmp_path / "study")
    reasons = [train(sweep, each, curve_down_to(0.5)) for each in iter(sweep.next, None) if each]
    assert reasons == [None, None, "sweep_budget"]
    assert "sweep_budget_cost" in (sweep.limits.ended_by or "")
    resumed = Sweep(config, tmp_path / "study", sweep.records)
    assert resumed.next() is None
    raised = load(tmp_path, "stopping.sweep_budget_cost=2450", BUDGET, NO_RACE)
    assert taken(Sweep(raised, tmp_path / "study", sweep.records)).id == "t0000"


@settings(deadline=None, derandomize=True)
@given(
    st.dictionaries(st.integers(0, 9), st.lists(st.integers(1, 99), min_size=1), min_size=1),
    st.sets(st.integers(0, 9)),
    st.integers(1, 500),
)
def test_what_a_sweep_has_cost_is_the_same_from_its_record(
    costs: dict[int, list[int]], ended: set[int], budget: int
) -> None:
    """Trials report their costs one by one; some have ended, the others were left running."""
    stopping = Stopping(sweep_budget_cost=float(budget))
    live = SweepLimits(stopping, {}, {}, lambda: 0.0)
    records, curves = {}, {}
    for number, steps in costs.items():
        name = f"t{number}"
        reported = list(itertools.accumulate(steps))
        for cost in reported:
            live.note_cost(name, float(cost))
        if number in ended:
            assignment = Assignment(name, name, "sample", 1, {})
            records[name] = TrialRecord(assignment, result(cost=float(reported[-1])))
        else:
            curves[name] = [row(float(cost), 1.0) for cost in reported]
    rebuilt = SweepLimits(stopping, records, curves, lambda: 0.0)
    assert rebuilt.costs == live.costs
    assert rebuilt.spent() == live.spent() == (sum(map(sum, costs.values())) >= budget)


def test_a_sweep_ends_when_its_seconds_are_used_up(tmp_path: Path) -> None:
    now = {"s": 50.0}
    config = load(tmp_path, "stopping.sweep_budget_s=60")
    limits = SweepLimits(config.stopping, {}, {}, lambda: now["s"])
    assert not limits.reached()
    now["s"] = 60.0
    assert limits.spent()
    assert limits.reached()
    assert limits.ended_by == "stopping.sweep_budget_s: 60 s are used up"


def test_a_sweep_ends_when_it_gets_no_better(tmp_path: Path) -> None:
    config = load(tmp_path, "stopping.patience=3", "search.trials=99", "search.baselines=false")
    costs = [50.0, 40.0, 60.0, 45.0, 30.0, 31.0, 30.0, 77.0, 1.0]
    sweep = Sweep(config, tmp_path / "study")
    ended = []
    while assignment := sweep.next():
        sweep.end(assignment, cost_to_tenth=costs[len(ended)])
        ended.append(assignment.id)
    assert ended == [f"t000{number}" for number in range(8)]
    assert "stopping.patience: 3" in (sweep.limits.ended_by or "")
    resumed = Sweep(config, tmp_path / "study", sweep.records)
    assert resumed.next() is None
    patient = load(tmp_path, "stopping.patience=4", "search.trials=99", "search.baselines=false")
    assert taken(Sweep(patient, tmp_path / "study", sweep.records)).id == "t0008"
