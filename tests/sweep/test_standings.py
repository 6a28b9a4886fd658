"""The comparison kept up to date against the one made anew, and how much of a sweep it looks at."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from msann_sweep.report.live import PlainView
from msann_sweep.sweep.assignment import DEFAULT, PRUNED, SAMPLE, TUNED_DEFAULT, Assignment
from msann_sweep.sweep.lease import Lease
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.standings import Standings
from msann_sweep.sweep.summary import compare
from msann_sweep.training import TrialResult
from tests.sweep.test_objective_and_summary import result
from tests.sweep.test_recorder import Part
from tests.sweep.tracked import Recorded, rows

KINDS = ((SAMPLE, 2), (SAMPLE, 3), (SAMPLE, 0), (DEFAULT, 0), (TUNED_DEFAULT, 0))
OUTCOMES = st.sampled_from(
    [
        *({"cost_to_tenth": cost} for cost in (10.0, 20.0, 30.0)),
        *({"best_mse": mse} for mse in (0.2, 0.3)),
        {"cost": 500.0, "status": "stopped", "stop_reason": "race"},
        {"status": "stopped", "stop_reason": PRUNED},
        {"status": "failed", "stop_reason": "error", "best_mse": None},
    ]
)


@dataclass
class Event:
    """A trial's start, or with an outcome its end."""

    assignment: Assignment
    outcome: TrialResult | None


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, list[Event]]:
    """How many seeds a sample has, and a sweep's starts and ends, every start before its end."""
    seeds = draw(st.integers(1, 3))
    waiting, history = [], []
    for number in range(draw(st.integers(1, 6))):
        role, L = draw(st.sampled_from(KINDS))
        started = draw(st.integers(1, seeds))
        for seed in range(started):
            assignment = Assignment(f"t{number}.{seed}", f"t{number}", role, seed, {"L": L})
            waiting.append(assignment)
    running: list[Assignment] = []
    while waiting or running:
        if waiting and (not running or draw(st.booleans())):
            running.append(waiting.pop(draw(st.integers(0, len(waiting) - 1))))
            history.append(Event(running[-1], None))
        elif draw(st.integers(0, 9)):
            ended = running.pop(draw(st.integers(0, len(running) - 1)))
            history.append(Event(ended, result(**draw(OUTCOMES))))
        else:
            break
    return seeds, history


def kept_trials(records: dict[str, TrialRecord], seeds: int) -> set[str]:
    """Whose weights are kept, from the whole record: open samples', and those compared.

    Compared are the best, worst and so on of all, and what they will be without the open samples.
    """
    ended: dict[str, list[TrialRecord]] = {}
    for record in records.values():
        if record.result:
            ended.setdefault(record.assignment.sample, []).append(record)
    open_ids = {
        record.id
        for each in ended.values()
        if len(each) < seeds and not any(r.result and r.result.stop_reason == PRUNED for r in each)
        for record in each
    }
    whole = [record for record in records.values() if record.id not in open_ids]
    compared = [*vars(compare(records.values())).values(), *vars(compare(whole)).values()]
    return open_ids | {record.id for record in compared if record}


@settings(deadline=None, derandomize=True, max_examples=300)
@given(histories())
def test_standings_equal_the_comparison_made_anew(history: tuple[int, list[Event]]) -> None:
    seeds, events = history
    standings, records = Standings(seeds=seeds), dict[str, TrialRecord]()
    for event in events:
        record = records.setdefault(event.assignment.id, TrialRecord(event.assignment))
        record.result = event.outcome
        standings.note(record)
        assert standings.compare() == compare(records.values())
        assert standings.kept() == kept_trials(records, seeds)
        anew = Standings(records.values(), seeds)
        assert (anew.compare(), anew.kept()) == (standings.compare(), standings.kept())


class Looks:
    """Counts how often this thread reads a trial's result."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        thread, read = threading.get_ident(), object.__getattribute__

        def counted(record: TrialRecord, name: str) -> Any:
            self.count += name == "result" and threading.get_ident() == thread
            return read(record, name)

        monkeypatch.setattr(TrialRecord, "__getattribute__", counted)


def looks_of_one_end(folder: Path, ended: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often trials' results are read when a trial ends in a sweep where ``ended`` have."""
    folder.mkdir()
    sweep = Recorded(folder)
    for number in range(ended):
        trial_id = f"t{number + 1:04d}"
        sweep.directory.started(Assignment(trial_id, trial_id, SAMPLE, 3, {"L": 2, "gamma": 1}))
        sweep.directory.ended(trial_id, result(cost_to_tenth=10.0 + number % 7))
    lease = Lease.take(sweep.directory.path)
    console = Console(file=(folder / "out").open("w"))
    view = PlainView(console)
    view.opened(sweep.config, sweep.directory, planned=ended + 1)
    part = Part(sweep, lease)
    part.recorder.view = view
    part.report(rows(12), first=0)
    part.recorder.last["t0000"]["stop_reason"] = "target"
    with monkeypatch.context() as patch:
        looks = Looks(patch)
        part.event("complete")
    part.tracker.end_sweep("finished", [])
    lease.release()
    console.file.close()
    assert len(part.told) == 1
    return looks.count


def test_an_end_looks_at_no_more_trials_the_more_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = looks_of_one_end(tmp_path / "few", 10, monkeypatch)
    many = looks_of_one_end(tmp_path / "many", 80, monkeypatch)
    assert 0 < few == many
