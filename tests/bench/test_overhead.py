"""The benchmarks of the platform itself, at sizes that show only that they measure."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from msann_sweep.bench.overhead import beyond_training, measure_metadata
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.record import TrialRecord
from tests.sweep.test_objective_and_summary import result


def test_a_written_sweep_is_read_by_the_commands() -> None:
    measured = measure_metadata(trials=20, evaluations=3)
    assert measured["bytes"] > 20 * 200
    for command in ("bare_command", "status", "results"):
        assert measured[command]["wall_s"] > 0
        # An interpreter at least, and by far no torch.
        assert 5e6 < measured[command]["peak_bytes"] < 250e6


def test_a_process_is_started_for_its_first_trial_only() -> None:
    """Two processes, each trial trains for 2 s; three of "a" in 3 + 2.5 + 2.25 s."""
    times = [("a", 0.0, 3.0), ("b", 0.0, 4.0), ("a", 3.1, 5.5), ("a", 5.6, 7.75)]
    records = [
        TrialRecord(
            Assignment(f"t{number}", f"t{number}", "sample", 0, {}),
            result(wall_s=2.0),
            started_s=100 + began,
            ended_s=100 + ended,
            worker=worker,
        )
        for number, (worker, began, ended) in enumerate(times)
    ]
    first, further = beyond_training(records)
    assert first == pytest.approx([1.0, 2.0])
    assert further == pytest.approx([0.5, 0.25])


def bench(*arguments: str) -> dict[str, Any]:
    """In a process of its own: a benchmark starts and ends Ray, and asks for tokens."""
    answer = subprocess.run(
        [sys.executable, "-m", "msann_sweep", "bench", *arguments],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    measured: dict[str, Any] = json.loads(answer.stdout)
    return measured


@pytest.mark.slow
def test_what_a_sweep_takes_beyond_its_training() -> None:
    measured = bench("overhead", "--part", "trials", "--trials", "2", "--trial-s", "0.3")
    trials = measured["trials"]
    assert trials["training_s"] >= 2 * 0.3
    assert trials["sweep_s"] * trials["workers"] == pytest.approx(
        trials["ratio"] * trials["training_s"]
    )
    assert trials["ratio"] > 1
    assert trials["first_trial_s"] > 0
    assert trials["launch_s"] > trials["sweep_s"]


@pytest.mark.long
def test_what_processes_and_the_driver_take() -> None:
    measured = bench(
        "overhead", "--part", "reuse", "--part", "driver",
        "--trials", "2", "--trial-s", "30", "--report-s", "0.5",
    )  # fmt: skip
    driver = measured["driver"]
    assert 0 < driver["driver_cpu_share"] < 2
    assert driver["results_per_s"] > 0
    assert measured["reuse"]["fresh_s"] > 0
    assert measured["reuse"]["reused_s"] > 0


@pytest.mark.long
def test_trials_per_hour_of_raylets() -> None:
    measured = bench("scale", "--raylets", "1", "--trial-s", "0.3", "--trials", "3")
    (row,) = measured["rows"]
    assert row["raylets"] == 1
    assert row["efficiency"] == pytest.approx(row["trials_per_hour"] * 0.3 / 3600)
    assert 0 < row["efficiency"] < 1.5
