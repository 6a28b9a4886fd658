"""What a sweep may be resumed with, and what is said of the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from msann_sweep.config import load_search_space
from msann_sweep.errors import ConfigError, StorageError
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.record import SweepDirectory, SweepState
from msann_sweep.sweep.resume import differences, resumed_config

SPACE = """
task: {kind: one_object, n: 6}
space:
  L: {int: [0, 3]}
  learning_rate: {float: [1.0e-3, 1.0e-1], log: true}
search: {trials: 4}
"""


@pytest.fixture
def directory(tmp_path: Path) -> SweepDirectory:
    file = tmp_path / "space.yaml"
    file.write_text(SPACE)
    return SweepDirectory.create(load_search_space(file, [f"storage={tmp_path}"]))


def refused(directory: SweepDirectory, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        resumed_config(directory, directory.read_state(), overrides)
    return str(caught.value)


def test_differences_are_named_by_their_paths() -> None:
    before = {"a": {"b": 1, "c": [1, 2]}, "d": None}
    after = {"a": {"b": 2, "c": [1, 2], "e": 3}, "d": None}
    assert list(differences(before, after)) == [("a.b", 1, 2), ("a.e", None, 3)]
    assert not list(differences(before, before))


def test_nothing_changed(directory: SweepDirectory) -> None:
    assert resumed_config(directory, directory.read_state(), ()) == directory.config()


@pytest.mark.parametrize(
    "override",
    [
        "search.trials=12",
        "search.trials=2",
        "search.concurrency=1",
        "resources.operator_actors=1",
        "resources.address=10.0.0.1:6379",
        "tracking.experiment=other",
        "stopping.sweep_budget_s=60",
    ],
)
def test_what_may_be_changed(directory: SweepDirectory, override: str) -> None:
    state = directory.read_state()
    changed = resumed_config(directory, state, [override])
    assert changed != directory.config()
    directory.write_config(changed, state)
    assert directory.config() == changed
    assert resumed_config(directory, directory.read_state(), ()) == changed


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task.noise=0.3", "got 0.3; allowed: 0.05, as it was: trials that have ended could not"),
        ("network.activation=tanh", "--set network.activation: got 'tanh'; allowed: 'sigmoid'"),
        ("space.L={int: [0, 2]}", "--set space.L.int: got [0, 2]; allowed: [0, 3], as it was: the"),
        ("training.batch_size=8", "--set training.batch_size: got 8; allowed: 128, as it was"),
        ("search.seed=9", "--set search.seed: got 9; allowed: 1, as it was: the samples so far"),
        ("storage=elsewhere", "it is where the sweep lives"),
        ("stopping.target=0.2", "--set stopping.target: got 0.2; allowed: 0.1, as it was"),
    ],
)
def test_what_may_not(directory: SweepDirectory, override: str, message: str) -> None:
    assert message in refused(directory, "search.trials=12", override)


def test_all_refusals_at_once(directory: SweepDirectory) -> None:
    said = refused(directory, "search.seed=9", "training.batch_size=8")
    assert "search.seed" in said
    assert "training.batch_size" in said


def test_no_fewer_samples_than_have_begun(directory: SweepDirectory) -> None:
    for number in range(3):
        directory.started(Assignment(f"t{number}", f"t{number}", "sample", 1, {"L": 1}))
    assert "search.trials: got 2; allowed: 3 or more" in refused(directory, "search.trials=2")
    assert resumed_config(directory, directory.read_state(), ["search.trials=3"])


def test_a_password_that_an_earlier_version_kept_is_no_edit(directory: SweepDirectory) -> None:
    state = directory.read_state()
    state.config["search"]["storage"] = "postgresql://me:a/b@host/db"
    directory.config_file.write_text(yaml.safe_dump(state.config, sort_keys=False))
    assert resumed_config(directory, state, ()).search.storage == "postgresql://me:a/b@host/db"


def test_an_edited_file_is_refused_field_by_field(directory: SweepDirectory) -> None:
    text = directory.config_file.read_text()
    edited = text.replace("trials: 4", "trials: 9").replace("seed: 1", "seed: 2")
    assert edited != text
    directory.config_file.write_text(edited)
    said = refused(directory, "search.trials=9")
    assert "sweep.yaml: search.trials: got 9, edited since the sweep ran with 4" in said
    assert "sweep.yaml: search.seed: got 2, edited since the sweep ran with 1" in said
    assert "use `resume --set search.trials=...`" in said


def test_an_edit_of_the_words_alone_is_none(directory: SweepDirectory) -> None:
    text = directory.config_file.read_text()
    directory.config_file.write_text(f"# a remark\n{text}")
    assert resumed_config(directory, directory.read_state(), ())


def test_a_change_that_a_crash_cut_in_half_is_made(directory: SweepDirectory) -> None:
    state = directory.read_state()
    before = directory.config_file.read_text()
    directory.write_config(resumed_config(directory, state, ["search.trials=12"]), state)
    os.replace(directory.config_file, directory.new_config_file)
    directory.config_file.write_text(before)
    assert resumed_config(directory, directory.read_state(), ()).search.trials == 12


def test_a_directory_that_is_no_sweep(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    with pytest.raises(StorageError, match="this directory is no sweep"):
        SweepDirectory.find(str(tmp_path / "notes"), tmp_path)


def test_a_damaged_state(directory: SweepDirectory) -> None:
    directory.write_state(SweepState("sweep", "running"))
    (directory.path / "sweep.json").write_text('{"name"')
    with pytest.raises(StorageError, match=r"sweep.json is damaged"):
        directory.read_state()
