"""The sweep's record on disk, torn lines included."""

from __future__ import annotations

from pathlib import Path

import pytest

from msann_sweep.config import SweepConfig
from msann_sweep.errors import StorageError
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.record import SweepDirectory, SweepState
from msann_sweep.training import Row
from tests.sweep.test_objective_and_summary import result


def assignment(trial_id: str) -> Assignment:
    return Assignment(trial_id, trial_id, "sample", 1, {"L": 2})


def row(cost: float) -> Row:
    return Row(val_mse=0.5, cost=cost, wall_s=0.1, level=1, steps_per_level=[1, 2])


@pytest.fixture
def directory(tmp_path: Path) -> SweepDirectory:
    return SweepDirectory.create(SweepConfig(name="sweep", storage=str(tmp_path)))


def test_trials_and_curves_come_back(directory: SweepDirectory) -> None:
    for trial_id in ("a", "b"):
        directory.started(assignment(trial_id))
    directory.add_rows("a", [row(0), row(16)])
    directory.ended("a", result(params={"L": 2}), "10.0.0.1, process 7")
    trials = directory.trials()
    assert list(trials) == ["a", "b"]
    assert trials["a"].status == "finished"
    assert trials["a"].result == result(params={"L": 2})
    assert trials["b"].status == "running"
    assert trials["a"].worker == "10.0.0.1, process 7"
    assert trials["a"].started_s is not None
    assert trials["a"].ended_s is not None
    assert trials["b"].ended_s is None
    assert trials["a"].started_s <= trials["a"].ended_s
    assert directory.curve("a") == [row(0), row(16)]
    assert directory.curve("b") == []


def test_a_torn_last_line_is_passed_over_and_cut_off(directory: SweepDirectory) -> None:
    directory.started(assignment("a"))
    directory.add_rows("a", [row(0)])
    for name in ("trials.jsonl", "curves/a.jsonl"):
        with (directory.path / name).open("a") as file:
            file.write('{"event": "ended", "id"')
    assert directory.trials()["a"].status == "running"
    assert directory.curve("a") == [row(0)]
    directory.repair()
    directory.ended("a", result())
    assert directory.trials()["a"].status == "finished"


def test_a_torn_file_in_waiting_is_left_where_it_is(directory: SweepDirectory) -> None:
    before = directory.config_file.read_bytes()
    for cut in range(0, len(before) - 1, 7):
        directory.new_config_file.write_bytes(before[:cut])
        directory.finish_writing_config(directory.read_state())
        assert directory.config_file.read_bytes() == before


def test_the_resolved_file_comes_back(directory: SweepDirectory) -> None:
    assert directory.config().name == "sweep"
    state = SweepState("sweep", "running", "now")
    directory.write_state(state)
    assert directory.read_state() == state


def test_sweeps_are_found_by_directory_or_name(directory: SweepDirectory, tmp_path: Path) -> None:
    directory.write_state(SweepState("sweep", "running", "now"))
    assert SweepDirectory.find(str(directory.path), Path("nowhere")).path == directory.path
    assert SweepDirectory.find("sweep", tmp_path).path == directory.path
    with pytest.raises(StorageError, match=r"'swept': no such sweep; known under .*: sweep$"):
        SweepDirectory.find("swept", tmp_path)


def test_a_sweep_s_storage_is_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    created = SweepDirectory.create(SweepConfig(name="sweep", storage="runs"))
    assert created.config().storage == "runs"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = SweepDirectory.find(str(tmp_path / "runs/sweep"), "runs")
    assert found.config().storage == str(tmp_path / "runs")
    (tmp_path / "runs").rename(tmp_path / "moved")
    moved = SweepDirectory.find("sweep", tmp_path / "moved")
    assert moved.config().storage == str(tmp_path / "moved")
    assert SweepDirectory.find("sweep", f"file://{tmp_path}/moved").path == moved.path


def test_a_name_that_is_taken(directory: SweepDirectory, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="exists already; go on with it by"):
        SweepDirectory.create(SweepConfig(name=directory.path.name, storage=str(tmp_path)))


def test_storage_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot make"):
        SweepDirectory.create(SweepConfig(name="sweep", storage=str(tmp_path / "file")))
