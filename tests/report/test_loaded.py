"""A sweep in a notebook, and as files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import msann_sweep
from msann_sweep import load_sweep
from msann_sweep.errors import InputError, StorageError
from msann_sweep.report.export import export
from tests.report.sweeps import falling, fill, loaded, make_sweep, sample


def test_frame_curves_and_best(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path, seeds=2)
    fill(config, directory, n_samples=3)
    sweep = load_sweep(directory.path)
    frame = sweep.frame()
    assert list(frame.index[-2:]) == ["t0002.1", "t0002.2"]
    assert frame.loc["t0002.1", "L"] == 3
    assert frame.loc["t0002.1", "cost_to_tenth"] == pytest.approx(590, rel=1e-6)
    assert pd.isna(frame.loc["default.1", "gamma"])
    curves = sweep.curves()
    assert set(curves["id"]) == set(frame.index)
    assert list(sweep.curves(["t0000.1"])["cost"]) == [row["cost"] for row in falling(510.0)]
    best = sweep.best()
    assert best is not None
    assert best.name == "t0000.1"
    assert best["prolongation"] == "path"


def test_a_sweep_without_trials(tmp_path: Path) -> None:
    _, directory = make_sweep(tmp_path)
    sweep = load_sweep("made", tmp_path)
    assert sweep.best() is None
    assert sweep.frame().empty
    assert sweep.curves().empty
    assert directory.path == sweep.directory.path


def test_a_sweep_that_is_not_there(tmp_path: Path) -> None:
    make_sweep(tmp_path)
    with pytest.raises(StorageError, match=r"known under .*: made"):
        load_sweep("maid", tmp_path)
    with pytest.raises(AttributeError, match="no attribute 'load_swept'"):
        _ = msann_sweep.load_swept


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_everything_comes_back_from_a_file(tmp_path: Path, suffix: str) -> None:
    config, directory = make_sweep(tmp_path)
    fill(config, directory, n_samples=2)
    (running,) = sample(config, 2)
    directory.started(running)
    sweep = loaded(directory)
    read = pd.read_csv if suffix == ".csv" else pd.read_parquet
    trials, curves = (read(file) for file in export(sweep, tmp_path / f"out/sweep{suffix}"))
    frame = sweep.frame()
    assert list(trials["id"]) == list(frame.index)
    assert trials["cost_to_tenth"].tolist()[:-1] == frame["cost_to_tenth"].tolist()[:-1]
    assert pd.isna(trials["cost_to_tenth"].iloc[-1])
    assert len(curves) == len(sweep.curves())
    assert curves["val_mse"].tolist() == sweep.curves()["val_mse"].tolist()


def test_numbers_and_words_in_one_column_become_words(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path)
    fill(config, directory, n_samples=2)
    sweep = loaded(directory)
    sweep.records[-1].result.params["cascade"] = "auto"  # type: ignore[union-attr]  # it has ended
    trials, _ = export(sweep, tmp_path / "sweep.parquet")
    assert pd.read_parquet(trials)["cascade"].tolist()[-2:] == ["0", "auto"]


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    _, directory = make_sweep(tmp_path)
    with pytest.raises(InputError, match=r"sweep.xlsx; allowed: a name that ends in .csv or"):
        export(loaded(directory), tmp_path / "sweep.xlsx")
