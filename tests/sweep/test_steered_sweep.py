"""Whole sweeps with several seeds, pruning, a study in SQLite, and limits; what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import pytest

from tests.test_cli import SMOKE, results, run

SETTINGS = {
    "search.seeds": "2",
    "search.pruner": "asha",
    "search.storage": "sqlite:///study.db",
    "search.trials": "4",
    "search.baseline_rates": "0",
    # Of a default that does not get there, two seeds use up 1,000; the samples get the rest.
    "training.budget_cost": "500",
    "training.budget_s": "null",
    "stopping.sweep_budget_cost": "1200",
}


def overrides(settings: dict[str, str]) -> list[str]:
    return [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]


def state_of(folder: Path, name: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((folder / "runs" / name / "sweep.json").read_text())
    return parsed


@pytest.mark.slow
def test_a_sweep_with_every_limit(tmp_path: Path) -> None:
    answer = run(tmp_path, "launch", SMOKE, *overrides(SETTINGS))
    assert answer.returncode == 0, answer.stderr
    state = state_of(tmp_path, "smoke")
    assert state["status"] == "finished"
    assert "ended by stopping.sweep_budget_cost: a cost of 1,200 is used up" in state["message"]
    cut = results(tmp_path, "smoke")["trials"]
    assert "sweep_budget" in {trial["stop_reason"] for trial in cut}

    more = ("--set", "stopping.sweep_budget_cost=null")
    assert run(tmp_path, "resume", "smoke", *more).returncode == 0
    answered = results(tmp_path, "smoke")
    trials = {trial["id"]: trial for trial in answered["trials"]}
    assert {trial["sample"] for trial in trials.values()} == {
        "default", "t0000", "t0001", "t0002", "t0003",
    }  # fmt: skip
    assert state_of(tmp_path, "smoke")["message"] is None
    for trial in cut:
        assert trials[trial["id"]] == trial
    assert {trial["status"] for trial in trials.values()} <= {"finished", "stopped"}
    default = next(each for each in answered["samples"] if each["role"] == "default")
    assert default["trials"] == ["default.1", "default.2"]
    assert default["final_mse"]["error"] > 0

    (name,) = optuna.get_all_study_names(f"sqlite:///{tmp_path}/runs/study.db")
    study = optuna.load_study(study_name=name, storage=f"sqlite:///{tmp_path}/runs/study.db")
    assert [trial.user_attrs["sample"] for trial in study.trials] == [f"t000{n}" for n in range(4)]
    assert all(trial.state.is_finished() for trial in study.trials)

    shown = run(tmp_path, "results", "smoke")
    assert "Samples: means over seeds ± standard error" in shown.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search.warm_start=nothing", "search.warm_start: sweep 'nothing': no such sweep"),
        ("search.storage=sqlite:////nowhere/study.db", "search.storage: /nowhere is no folder"),
        ("search.storage=postgresql://u:secret@127.0.0.1:9/x", "u:***@127.0.0.1:9/x cannot be"),
        ("search.sampler=cma_es", "search.sampler: got"),
    ],
)
def test_a_search_that_cannot_be_is_refused(tmp_path: Path, override: str, message: str) -> None:
    one_range = ("--set", "space.L=2")
    answer = run(tmp_path, "launch", SMOKE, *one_range, "--set", override)
    assert answer.returncode == 2
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "secret" not in answer.stderr
    assert not list(tmp_path.iterdir())
