"""``reproduce`` as a user meets it: real sweeps, only smaller."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from msann_sweep.reproduce import ARTEFACTS
from msann_sweep.reproduce.experiments import NEEDED
from msann_sweep.reproduce.run import Reproduction
from msann_sweep.reproduce.tables import TABLES

# One object of 64 pixels, two multilevel trials.
TINY = [
    *("--set", "task.n=6", "--set", "space.L={choice: [1, 2]}", "--set", "space.gamma=1"),
    *("--set", "space.k=4", "--set", "training.budget_cost=2000"),
]


def reproduce(folder: Path, *arguments: str) -> Any:
    command = [sys.executable, "-m", "msann_sweep", "reproduce", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)


def test_it_is_known_what_every_artefact_needs() -> None:
    assert tuple(NEEDED) == ARTEFACTS
    assert set(TABLES) < set(ARTEFACTS)


@pytest.mark.parametrize("artefact", ["figure3", "figure4"])
def test_figures_without_training_are_drawn(tmp_path: Path, artefact: str) -> None:
    lines, files = Reproduction(artefact, "small", tmp_path, tmp_path).write([])
    assert (lines, files) == ([], [tmp_path / f"{artefact}.png"])
    assert files[0].read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("table4",), "'table4' is not one of 'table1'"),
        (("table1", "--budget", "large"), "'large' is not one of 'small', 'paper'"),
        (("table1", "--set", "training.budget=1"), "--set training.budget"),
        (("figure4", "--out", "/dev/null/x"), "--out: cannot make /dev/null/x"),
    ],
)
def test_bad_input_starts_nothing(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    answer = reproduce(tmp_path, *arguments)
    assert answer.returncode == 2
    assert message in answer.stderr.replace("\n", " ")
    assert "Traceback" not in answer.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_table_is_run_once_printed_and_kept(tmp_path: Path) -> None:
    first = reproduce(tmp_path, "table1", *TINY)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "leaves out: gamma = 0" in first.stdout
    assert "126,600" in first.stdout
    with (tmp_path / "reproduced" / "table1-small.csv").open(encoding="utf-8") as file:
        lines = {line["column"]: line for line in csv.DictReader(file)}
    assert lines["best"]["paper"] == "7342.0"
    assert all(lines[column]["ours"] for column in ("best", "worst", "default"))
    assert all(line["machine"] and line["date"] for line in lines.values())
    with (tmp_path / "reproduced" / "paper-one_object-small.csv").open(encoding="utf-8") as file:
        assert [line["L"] for line in csv.DictReader(file)] == ["0", "1", "2"]

    kept = (tmp_path / "runs" / "paper-one_object-small" / "trials.jsonl").read_bytes()
    again = reproduce(tmp_path, "table1", *TINY)
    assert again.returncode == 0, again.stderr
    assert "sweep paper-one_object-small" not in again.stdout
    assert (tmp_path / "runs" / "paper-one_object-small" / "trials.jsonl").read_bytes() == kept

    other = reproduce(tmp_path, "table1", *TINY, "--set", "training.batch_size=64")
    assert other.returncode == 2
    assert "was made with another training.batch_size" in other.stderr
