"""Watching a sweep's status."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from msann_sweep.report.status import status_json, status_lines, watch_status
from msann_sweep.sweep.counters import LIVE_FILE, Tally
from msann_sweep.sweep.lease import held
from msann_sweep.sweep.record import SweepDirectory
from tests.report.sweeps import AT_TARGET, add_trial, falling, make_sweep, sample


def watched(directory: SweepDirectory, events: list[object], terminal: bool = False) -> str:
    """What is shown while each look at the sweep lets the next of ``events`` happen."""
    console = Console(width=120, file=io.StringIO(), record=True, force_terminal=terminal)

    def find() -> SweepDirectory:
        if events:
            events.pop(0)()  # type: ignore[operator]  # functions without arguments
        return directory

    watch_status(console, find, interval_s=0.0)
    return console.export_text()


def test_it_ends_with_the_sweep_and_prints_what_changed(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path, status="running")

    def end_trial() -> None:
        add_trial(config, directory, *sample(config, 0), falling(500.0), **AT_TARGET)

    def end_sweep() -> None:
        state = directory.read_state()
        state.status = "finished"
        directory.write_state(state)

    with held(directory.path):
        shown = watched(directory, [lambda: None, end_trial, end_sweep])
    parts = ("sweep", "trials", "best")
    assert [line.partition(" (")[0] for line in shown.splitlines() if line.startswith(parts)] == [
        "sweep made: running",
        "trials: 0 of 27 ended",
        "best MsANN: none yet",
        "trials: 1 of 27 ended",
        "best MsANN: t0000, cost to target 500",
        "sweep made: finished",
    ]


def test_with_several_seeds_the_best_is_a_mean(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path, seeds=2)
    for assignment, cost in zip(sample(config, 0), (400.0, 600.0), strict=True):
        add_trial(config, directory, assignment, falling(cost), **AT_TARGET)
    (best,) = (line for line in status_lines(directory) if line.startswith("best"))
    assert best.startswith("best MsANN: t0000, cost to target 500 ± 100 (")


def test_a_terminal_ends_with_the_last_state_and_ctrl_c_only_ends_the_view(tmp_path: Path) -> None:
    _, directory = make_sweep(tmp_path, status="running")

    def press_ctrl_c() -> None:
        raise KeyboardInterrupt

    with held(directory.path):
        shown = watched(directory, [lambda: None, press_ctrl_c], terminal=True)
    assert "sweep made: running" in shown


def test_a_sweep_whose_process_is_gone_is_not_waited_for(tmp_path: Path) -> None:
    _, directory = make_sweep(tmp_path, status="running")
    assert "cut off, its process is gone" in watched(directory, [])


def test_monitoring_tells_a_running_sweep_from_one_that_was_cut_off(tmp_path: Path) -> None:
    _, directory = make_sweep(tmp_path, status="running")
    before = {"sweep": "made", "status": "cut off", "counters": None, "message": None}
    assert status_json(directory) == before
    with held(directory.path):
        assert status_json(directory) == before | {"status": "running"}


@pytest.mark.parametrize("status", ["running", "finished"])
def test_live_counters_are_shown_of_a_running_sweep(tmp_path: Path, status: str) -> None:
    _, directory = make_sweep(tmp_path, status=status)
    counters = Tally({}, planned=27).counters({"built": 2})
    (directory.path / LIVE_FILE).write_text(counters.to_json())
    assert status_json(directory)["counters"]["operators"] == {"built": 2}
    with held(directory.path):
        lines = "\n".join(status_lines(directory))
    shown = "0 trials per hour, 0 training examples" in lines
    assert shown == (status == "running")
