"""The report of sweeps written by hand: what it shows, and what it says where there is nothing."""

from __future__ import annotations

import csv
import math
import os
import re
from pathlib import Path

import pytest

from msann_sweep.errors import StorageError
from msann_sweep.report.page import write_page
from msann_sweep.sweep.assignment import baselines
from msann_sweep.sweep.lease import held
from msann_sweep.training import Row
from tests.limits import files_up_to
from tests.report.sweeps import add_trial, falling, fill, keep_weights, loaded, make_sweep, sample

PLOTLY = re.compile(r"<script>.*?</script>", re.DOTALL)


def page_of(directory: object) -> str:
    """The page without its scripts."""
    page = write_page(loaded(directory))  # type: ignore[arg-type]  # SweepDirectory
    return PLOTLY.sub("", page.read_text(encoding="utf-8"))


def test_a_finished_sweep_has_every_part(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path)
    fill(config, directory)
    for trial_id in ("t0000", "t0023", "default", "tuned-2"):
        keep_weights(config, directory, trial_id)
    page = page_of(directory)
    for chart in ("curves-cost-1", "curves-seconds-2", "strategies-1", "search-parallel"):
        assert f'id="chart-{chart}"' in page
    assert "12.7 times less cost" in page
    assert "best MsANN: t0000" in page
    folder = directory.path / "report"
    pictures = {file.stem for file in folder.glob("*.png")}
    assert pictures == {
        *("curves-cost", "curves-seconds", "strategies", "images", "timeline"),
        *("search-parallel", "search-slices", "search-importance"),
        *("prolongations-path", "prolongations-random"),
    }
    tables = {file.stem for file in folder.glob("*.csv")}
    assert tables == {
        *("curves-cost", "curves-seconds", "strategies", "images", "timeline", "prolongations"),
        *("search-samples", "search-importance", "comparison", "trials"),
    }


def test_a_panel_has_the_best_over_k_of_every_depth(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path)
    fill(config, directory)
    write_page(loaded(directory))
    with (directory.path / "report" / "curves-cost.csv").open() as file:
        rows = list(csv.DictReader(file))
    curves = {(row["panel"], row["curve"]) for row in rows}
    multilevel = {curve for curve in curves if curve[1].startswith("L")}
    assert multilevel == {(f"γ = {g}", f"L = {L}") for g in (1, 2) for L in (1, 2, 3)}
    # Sample 4 (γ = 2, L = 2, k = 1) is cheaper than 10 and 16, which differ from it in k only.
    last = [float(row["training cost (examples of the finest level)"]) for row in rows]
    chosen = [x for row, x in zip(rows, last, strict=True) if row["curve"] == "L = 2"]
    assert max(chosen) == pytest.approx(2 * (500 + 40 * 4 + 10))


def test_the_operations_follow_the_steps(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path)
    fill(config, directory, n_samples=1)
    write_page(loaded(directory))
    with (directory.path / "report" / "comparison.csv").open() as file:
        rows = {row[""]: row for row in csv.DictReader(file)}
    # Three products per layer and step but the first layer's, which has no input gradient.
    per_step = 128 * 2 * (2 * 64 * 16 + 3 * 16 * 64)
    steps = 8000 / 32
    assert float(rows["GFLOP to 1/10 MSE"]["Default"]) == pytest.approx(
        per_step * steps / 1e9, rel=0.02
    )


def test_means_over_seeds_are_shown_with_their_error(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path, seeds=3)
    fill(config, directory, n_samples=2)
    page = page_of(directory)
    assert "520 ± 5.774" in page
    assert "Means over 3 seeds" in page
    assert (
        "the noise between seeds (95 % intervals of the ratios), the difference in cost exceeds it"
        in page
    )


def test_no_trial_has_ended(tmp_path: Path) -> None:
    _, directory = make_sweep(tmp_path)
    page = page_of(directory)
    assert "No trial has ended yet" in page
    assert "No trial has started yet." in page
    assert 'class="chart"' not in page


def test_one_trial_has_ended(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path)
    add_trial(config, directory, baselines(config)[0], falling(8000.0))
    page = page_of(directory)
    assert "Only one trial has ended" in page
    assert 'id="chart-curves-cost-1"' in page


def test_every_trial_failed(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path, status="failed")
    for number in range(3):
        (assignment,) = sample(config, number)
        outcome = {"status": "failed", "stop_reason": "error", "message": "<b>& out of luck"}
        add_trial(config, directory, assignment, [], **outcome)
    page = page_of(directory)
    assert "Every trial failed: 3 failed: error" in page
    assert "search-parallel" not in page
    assert "&lt;b&gt;&amp; out of luck" in page


def test_curves_that_are_no_numbers(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path)
    fill(config, directory, n_samples=2)
    (assignment,) = sample(config, 2)
    broken = [Row(**{**row, "val_mse": math.nan}) for row in falling(100.0)]  # type: ignore[typeddict-item]
    outcome = {"status": "failed", "stop_reason": "non_finite", "message": "MSE became nan"}
    add_trial(config, directory, assignment, broken, **outcome)
    page = page_of(directory)
    assert "Some trials failed: 1 failed: MSE not finite" in page
    assert "NaN" not in page


def test_a_running_sweep_reloads_itself_and_shows_what_there_is(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path, status="running")
    (assignment,) = sample(config, 0)
    directory.started(assignment)
    directory.add_rows(assignment.id, falling(100.0)[:5])
    with held(directory.path):
        page = page_of(directory)
    assert 'data-reloads="yes"' in page
    assert "The sweep is running: 0 of 27 trials have ended, 1 run now." in page
    assert "The first trials that have a curve" in page
    assert 'id="chart-curves-cost-1"' in page


def test_a_sweep_that_was_cut_off(tmp_path: Path) -> None:
    _, directory = make_sweep(tmp_path, status="interrupted")
    page = page_of(directory)
    assert "data-reloads" not in page
    assert "The sweep was cut off after 0 of 27 trials" in page


@pytest.mark.slow
def test_two_thousand_trials_stay_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Making sure of 4,000 lines on disk would take longer than everything else here.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    config, directory = make_sweep(tmp_path)
    fill(config, directory, n_samples=2000)
    page = write_page(loaded(directory), pictures=False).read_text(encoding="utf-8")
    own = max(PLOTLY.findall(page), key=len)
    assert len(page) - len(own) < 5_000_000
    assert "1,803 further trials are left out here" in page
    assert "The last 600 of 2,003 are shown." in page
    assert "The best 500 MsANN samples" in page


def test_a_page_that_the_disk_has_no_room_for(tmp_path: Path) -> None:
    _, directory = make_sweep(tmp_path)
    with files_up_to(10_000), pytest.raises(StorageError, match="report: cannot write to"):
        write_page(loaded(directory), pictures=False)
    assert not list((directory.path / "report").iterdir())


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    _, directory = make_sweep(tmp_path)
    (directory.path / "report").write_text("")
    with pytest.raises(StorageError, match="report: cannot write to"):
        write_page(loaded(directory))
