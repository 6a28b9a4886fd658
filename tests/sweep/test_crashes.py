"""Trials that crash again and again, and a sweep that two want to run."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sweep.chaos import SPACE, SweepProcess, measured, rows, run, wait_until

# One sample's process dies at its second evaluation, whenever it gets there; another's before it
# begins, as on a machine that has no memory left.
CRASHING = """
import os, signal
from pathlib import Path
from rich.console import Console
from msann_sweep.config import load_search_space
from msann_sweep.report.live import PlainView
from msann_sweep.sweep import trial
from msann_sweep.sweep.launch import launch

class Crashing(trial.MsannTrial):
    def setup(self, config, **given):
        if config["id"] == "t0001":
            os.kill(os.getpid(), signal.SIGKILL)
        super().setup(config, **given)

    def reset_config(self, new_config):
        if new_config["id"] == "t0001":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().reset_config(new_config)

    def step(self):
        if self.assignment["id"] == "t0000" and self.evaluation == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step()

settings = ["search.trials=3", "search.concurrency=2", "search.baselines=false"]
launch(load_search_space("space.yaml", settings), PlainView(Console()), Crashing)
"""


@pytest.mark.slow
def test_a_trial_that_crashes_too_often_fails_and_the_sweep_goes_on(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    answer = subprocess.run(
        [sys.executable, "-c", CRASHING], cwd=tmp_path, capture_output=True, text=True, timeout=900
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    trials = {trial["id"]: trial for trial in measured(tmp_path, "space")["trials"]}
    for name in ("t0000", "t0001"):
        assert trials[name]["status"] == "failed"
        assert trials[name]["message"].startswith("crashed 4 times without a new evaluation: ")
        assert not trials[name]["message"].endswith("None")
    assert trials["t0001"]["initial_mse"] is None
    assert trials["t0002"]["status"] in ("finished", "stopped")
    assert "Traceback" not in answer.stderr


@pytest.mark.slow
def test_a_running_sweep_is_not_resumed(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    process = SweepProcess(tmp_path, "launch", "space.yaml", "--name", "held")
    try:
        sweep = tmp_path / "runs" / "held"
        wait_until(lambda: rows(sweep) >= 1 or not process.running)
        # It cannot end before it has been asked about; stopped, it is alive nevertheless.
        process.process.send_signal(signal.SIGSTOP)
        recorded = rows(sweep)
        answer = run(tmp_path, "resume", "held")
        assert answer.returncode == 2
        assert f"still running, as process {process.process.pid} on" in answer.stderr
        answer = run(tmp_path, "launch", "space.yaml", "--name", "held")
        assert answer.returncode == 2
        assert "exists already; go on with it by `msann-sweep resume held`" in answer.stderr
        assert "sweep held: running" in run(tmp_path, "status", "held").stdout
        assert rows(sweep) == recorded
    finally:
        process.clear()
        process.end()
