"""The shipped files, and the JSON Schema beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from msann_sweep.config import ConfigError, describe, load_search_space
from msann_sweep.config.json_schema import json_schema

FOLDER = Path(__file__).parents[2] / "search_spaces"
FILES = sorted(FOLDER.glob("*.yaml"))
SCHEMA = FOLDER / "search_space.schema.json"


def validate(data: Any) -> None:
    jsonschema.Draft202012Validator(json.loads(json_schema())).validate(data)


def test_all_files_are_there() -> None:
    names = {"mnist", "one_object", "two_object", "mnist_strategies", "paper_grid", "smoke"}
    assert names <= {file.stem for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_shipped_files_load_and_are_completed_by_editors(file: Path) -> None:
    config = load_search_space(file)
    assert config.name == file.stem
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=search_space.schema.json\n")
    validate(yaml.safe_load(text))
    validate(yaml.safe_load(config.to_yaml()))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_line_is_documented(file: Path) -> None:
    sections = [line for line in file.read_text(encoding="utf-8").splitlines() if line[:1] == " "]
    # A line is explained where it stands; only a start point is explained by its list.
    bare = [line for line in sections if "#" not in line and not line.strip().startswith("- {")]
    assert bare == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_resolved_files_load_as_equal(file: Path, tmp_path: Path) -> None:
    config = load_search_space(file)
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(config.to_yaml(), encoding="utf-8")
    assert load_search_space(resolved) == config


def test_the_committed_schema_is_current() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == json_schema() + "\n"


@pytest.mark.parametrize(
    "wrong",
    [
        {"spcae": {}},
        {"space": {"gama": 1}},
        {"space": {"gamma": {"chioce": [1]}}},
        {"space": {"gamma": {"int": [1]}}},
        {"space": {"gamma": None}},
        {"task": {"kind": "cifar"}},
        {"training": {"batch_size": 0}},
        {"network": {"layers": [64, 0]}},
    ],
)
def test_the_schema_refuses_what_loading_refuses(wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate(wrong)
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump(wrong), encoding="utf-8")
    with pytest.raises(ConfigError):
        load_search_space(file)


def test_the_schema_explains_hyperparameters() -> None:
    space = json.loads(json_schema())["$defs"]["Space"]
    assert "coarser level" in space["properties"]["gamma"]["description"]
    assert space["additionalProperties"] is False


def test_the_papers_grid() -> None:
    paper = load_search_space(FOLDER / "paper_grid.yaml")
    assert describe(paper).size == 1 + 6 * 4 * 8 * 2
    one = load_search_space(
        FOLDER / "paper_grid.yaml",
        ["task={kind: one_object, noise: 0}", "space.prolongation=path", "name=one"],
    )
    assert describe(one).size == 1 + 6 * 4 * 8


def test_budgets_of_the_main_job_and_the_smoke_test() -> None:
    mnist = describe(load_search_space(FOLDER / "mnist.yaml"))
    # Two trials at once on two cores, and a fifth of ten minutes for everything else.
    assert mnist.max_training_s is not None
    assert mnist.max_training_s / 2 <= 480
    assert mnist.samples >= 12
    smoke = describe(load_search_space(FOLDER / "smoke.yaml"))
    assert smoke.max_training_s is not None
    assert smoke.max_training_s <= 30
