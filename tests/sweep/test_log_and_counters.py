"""The sweep's log and its live counters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from msann_sweep.config import SweepConfig
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.counters import Counters, Tally, best_costs, count_trials
from msann_sweep.sweep.event_log import EventLog
from msann_sweep.sweep.log import log_event, logging_to
from msann_sweep.sweep.record import SweepDirectory, TrialRecord
from msann_sweep.training import Row
from tests.sweep.test_objective_and_summary import result

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def trial(trial_id: str, role: str = "sample", **known: Any) -> TrialRecord:
    L = 0 if role != "sample" else 2
    record = TrialRecord(Assignment(trial_id, trial_id, role, 1, {"L": L}))
    record.result = result(params={"L": L}, **known) if known else None
    return record


def row(steps: list[int], wall_s: float) -> Row:
    return Row(val_mse=0.5, cost=1.0, wall_s=wall_s, level=0, steps_per_level=steps)


def test_an_event_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "log.txt"
    with logging_to(file):
        log_event("t0001", "failed", "first line\nsecond line")
    log_event("t0001", "lost", "nobody listens")
    assert re.fullmatch(f"{TIME}  t0001 +failed +first line second line\n", file.read_text())
    assert capsys.readouterr() == ("", "")


def test_passwords_are_masked(tmp_path: Path) -> None:
    with logging_to(tmp_path / "log.txt"):
        log_event("sweep", "tracking", "https://user:secret@host:5000/path is gone")
    text = (tmp_path / "log.txt").read_text()
    assert "https://user:***@host:5000/path is gone" in text
    assert "secret" not in text


def test_a_log_that_cannot_be_written_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to(tmp_path / "nowhere" / "log.txt"):
        log_event("sweep", "opened")
    assert capsys.readouterr() == ("", "")


def test_starts_ends_and_the_best_are_logged(tmp_path: Path) -> None:
    directory = SweepDirectory.create(SweepConfig(name="sweep", storage=str(tmp_path)))
    view = EventLog()
    first = trial("a", cost_to_tenth=100.0)
    better, worse = trial("b", cost_to_tenth=50.0), trial("c", cost_to_tenth=70.0)
    with logging_to(tmp_path / "log.txt"):
        view.opened(directory.config(), directory, 3)
        for record in (first, better, worse):
            view.trial_started(record)
            view.trial_ended(record)
        view.closed()
    lines = [
        line.split(maxsplit=3)[1:3] for line in (tmp_path / "log.txt").read_text().splitlines()
    ]
    assert lines == [
        ["sweep", "opened"],
        ["a", "started"],
        ["a", "finished"],
        ["a", "best"],
        ["b", "started"],
        ["b", "finished"],
        ["b", "best"],
        ["c", "started"],
        ["c", "finished"],
        ["sweep", "closed"],
    ]


def test_a_trial_that_goes_on_is_resumed(tmp_path: Path) -> None:
    directory = SweepDirectory.create(SweepConfig(name="sweep", storage=str(tmp_path)))
    directory.started(Assignment("a", "a", "sample", 1, {"L": 2}))
    view = EventLog()
    with logging_to(tmp_path / "log.txt"):
        view.opened(directory.config(), directory, 3)
        view.trial_started(directory.trials()["a"])
    assert re.search(r"a +resumed +sample, seed 1, L=2$", (tmp_path / "log.txt").read_text())


def test_trials_are_counted_by_status() -> None:
    records = [trial("a"), trial("b", status="failed"), trial("c", status="failed")]
    assert count_trials(records) == {"running": 1, "finished": 0, "stopped": 0, "failed": 2}


def test_best_costs_by_role() -> None:
    records = [
        trial("a", cost_to_tenth=70.0),
        trial("b", cost_to_tenth=50.0),
        trial("d", role="default", cost_to_tenth=400.0),
        trial("t", role="tuned_default", cost_to_tenth=None),
    ]
    assert best_costs(records) == {"best": 50.0, "default": 400.0}


def test_examples_are_counted_from_where_this_stretch_began() -> None:
    tally = Tally({}, planned=2)
    for steps in ([0, 0], [2, 3], [4, 6]):
        tally.advanced("new", row(steps, wall_s=2.0), batch_size=8)
    # Resumed from a checkpoint: the first evaluation tells where it stood.
    tally.advanced("resumed", row([100, 0], wall_s=10.0), batch_size=8)
    tally.advanced("resumed", row([110, 0], wall_s=10.0), batch_size=8)
    counters = tally.counters({"built": 3})
    assert counters.examples == 10 * 8 + 10 * 8
    assert counters.examples_per_s == pytest.approx(10 * 8 / 2 + 110 * 8 / 10)
    tally.ended(trial("new", status="finished"))
    assert tally.counters({}).examples_per_s == pytest.approx(110 * 8 / 10)


def test_counters_come_back() -> None:
    counters = Tally({"a": trial("a", cost_to_tenth=3.0)}, planned=4).counters({"built": 2})
    assert Counters.from_json(counters.to_json()) == counters
    assert counters.trials_per_hour == 0
