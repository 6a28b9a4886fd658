"""Optuna's pictures of what was searched, made from the record."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pytest

from msann_sweep.sweep import study_figures
from msann_sweep.sweep.study_figures import SearchPictures, recorded_study
from tests.report.sweeps import fill, make_sweep


def test_a_sample_counts_once_with_the_mean_of_its_seeds(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path, seeds=2)
    fill(config, directory, n_samples=4, cost=lambda _, seed: 10.0 ** (2 + seed % 2))
    study = recorded_study(config, directory.trials().values())
    assert [trial.value for trial in study.trials] == pytest.approx([2.5] * 4)
    assert study.trials[1].params == {
        **{"L": 2, "gamma": 1, "k": 1},
        **{"prolongation": "path", "learning_rate": 0.002},
    }


def test_the_best_are_kept_in_the_order_of_their_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_figures, "MOST_SAMPLES", 3)
    config, directory = make_sweep(tmp_path)
    fill(config, directory, n_samples=5, cost=lambda number, _: 1000.0 - 100 * number)
    study = recorded_study(config, directory.trials().values())
    assert [trial.params["learning_rate"] for trial in study.trials] == pytest.approx(
        [0.003, 0.004, 0.005]
    )


def test_drawing_leaves_the_style_of_other_pictures_alone(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path)
    fill(config, directory, n_samples=6)
    before = {name: mpl.rcParams[name] for name in ("axes.facecolor", "axes.grid", "font.size")}
    names = SearchPictures(config, directory.trials().values()).write(tmp_path)
    assert {name: mpl.rcParams[name] for name in before} == before
    assert all((tmp_path / name).is_file() for name in names)
