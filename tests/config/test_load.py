from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from msann_sweep.config import (
    Choice,
    ConfigError,
    FloatRange,
    Network,
    OneObjectTask,
    Space,
    SweepConfig,
    load_search_space,
)
from msann_sweep.config.document import parse
from tests.config.files import SMALL, Write, only, problems


def test_a_file_with_defaults(write: Write) -> None:
    config = load_search_space(write(SMALL))
    assert config.name == "small"
    assert config.network.layers == (64, 16, 8, 16, 64)
    assert config.training.optimizer == "tf1_rmsprop"
    assert config.search.trials == 24
    assert config.storage == "runs"
    rates = config.space.entries["learning_rate"]
    assert isinstance(rates, FloatRange)
    assert rates.bounds == (1e-4, 1e-2)


def test_empty_sections_have_their_defaults(write: Write) -> None:
    config = load_search_space(write("task: {kind: mnist}\nspace:\ntraining:\nstorage:\n"))
    assert config == SweepConfig(name="small")


def test_the_home_directory_in_data_dir(write: Write) -> None:
    config = load_search_space(write("task: {kind: mnist, data_dir: ~/mnist}"))
    assert config.task.data_dir == Path.home() / "mnist"  # type: ignore[union-attr]  # it is MNIST


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E3", 1e3),
        ("-2.5e+2", -250.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("12", 12),
        (".inf", float("inf")),
        ("e5", "e5"),
        ("1e", "1e"),
        ("2024-01-31", "2024-01-31"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_numbers_in_yaml(text: str, value: object) -> None:
    data = parse(f"x: {text}").data["x"]
    assert (data, type(data)) == (value, type(value))


@given(st.floats(allow_nan=False))
def test_every_float_is_read_as_python_writes_it(number: float) -> None:
    text = repr(number).replace("inf", ".inf")
    assert parse(text).data == number


def test_overrides_set_any_field(write: Write) -> None:
    config = load_search_space(
        write(SMALL),
        [
            "name=2024",
            "training.learning_rate=1e-3",
            "space.gamma=3",
            "space.k={choice: [1, 2]}",
            "search.start_points=[{L: 2, k: 2}]",
            "tracking.uri=",
            "task.n=7",
            "task.n=8",
        ],
    )
    assert config.name == "2024"
    assert config.training.learning_rate == 1e-3
    assert config.space.values("gamma") == (3,)
    assert isinstance(config.space.entries["k"], Choice)
    assert config.search.start_points == ({"L": 2, "k": 2},)
    assert config.task.n_pixels == 256
    assert config.network.layers[0] == 256


@pytest.mark.parametrize(
    ("text", "given", "line"),
    [
        ("", "an empty file", None),
        ("# nothing\n", "an empty file", None),
        ("- a\n- b\n", '["a", "b"]', None),
        ("name: x\nspace: {L: [1, 2}\n", "broken YAML (while parsing a flow sequence", 2),
        ("name: x\nspace:\n\tL: 3\n", "broken YAML", 3),
        ("name: x\n---\nname: y\n", "another document", 2),
        ("space: {L: *nope}", "undefined alias", 1),
        ("x: 1\nspace: {? [1] : 3}\n", "unhashable key", 2),
        ("space: {L: !!python/name:os.system x}\n", "constructor for the tag", 1),
        ("name: a\x01b\n", "special characters are not allowed", None),
    ],
)
def test_files_that_are_no_mapping(write: Write, text: str, given: str, line: int | None) -> None:
    file = write(text)
    problem = only(file)
    assert problem.where == (f"{file}:{line}" if line else str(file))
    assert given in problem.given


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert only(tmp_path / "missing.yaml").given == "no such file"
    assert only(tmp_path).given == "a directory"
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"name: \xff\xfe")
    assert only(binary).given == "bytes that are no text (at byte 6)"


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert load_search_space(file).name == "bom"


def test_keys_that_stand_there_twice(write: Write) -> None:
    file = write("name: a\nspace:\n  L: 1\n  L: 2\nname: b\n")
    first, second = problems(file)
    assert first.where == f"{file}:4: space.L"
    assert first.allowed.endswith("the first is in line 3")
    assert second.where == f"{file}:5: name"


MANY = """\
name: "my sweep!"
task: {kind: one_objct}
network: {layers: [1024, 256, 1024], activation: gelu}
space:
  gama: {choice: [1, 2]}
  gamma: -1
  k: {choice: [0, 1, fast]}
  prolongation: {choice: [path, gird], when: {L: ">"}}
  coarse_step: {chioce: [exact]}
  cascade: {int: [1, 5, 7]}
  level_lr_growth: {float: [2, 1]}
  learning_rate: {float: [0, 1e-2], log: true}
  batch_size: {float: [1, 64]}
trainig: {}
training:
  learning_rate: fast
  batch_size: 0
  optimizer: SGD
  budget_cost: .inf
  budget_s: -1
stopping: {target: 1.5, on_target: yes, race_factor: 1}
search:
  trials: 2.5
  concurrency: many
  start_points: [3]
resources: {gpus_per_trial: -1, cpus_per_trial: 0}
tracking: 5
storage: ""
"""


def test_all_faults_at_once_in_the_order_of_the_file(write: Write) -> None:
    file = write(MANY)
    found = [problem.where.removeprefix(f"{file}:") for problem in problems(file)]
    assert found == [
        "1: name",
        "2: task.kind",
        "3: network.activation",
        "5: space.gama",
        "6: space.gamma",
        "7: space.k.choice[0]",
        "7: space.k.choice[2]",
        "8: space.prolongation.when.L",
        "9: space.coarse_step",
        "10: space.cascade.int",
        "11: space.level_lr_growth",
        "12: space.learning_rate",
        "13: space.batch_size",
        "14: trainig",
        "16: training.learning_rate",
        "17: training.batch_size",
        "18: training.optimizer",
        "19: training.budget_cost",
        "20: training.budget_s",
        "21: stopping.target",
        "21: stopping.on_target",
        "21: stopping.race_factor",
        "23: search.trials",
        "24: search.concurrency",
        "25: search.start_points[0]",
        "26: resources.cpus_per_trial",
        "26: resources.gpus_per_trial",
        "27: tracking",
        "28: storage",
    ]


def test_a_broken_entry_hides_nothing_and_makes_no_further_faults(write: Write) -> None:
    space = "{L: {int: 3}, gamma: {choice: [1, -1], when: {L: '>0'}}}"
    file = write(f"space: {space}\nsearch: {{start_points: [{{L: 1, k: 1}}]}}\n")
    found = [problem.where.split(": ")[1] for problem in problems(file)]
    assert found == ["space.L.int", "space.gamma.choice[1]", "search.start_points[0].k"]


def test_an_override_inside_a_faulty_entry_is_named(write: Write) -> None:
    file = write(SMALL)
    problem = only(file, "space.L.choice=[1]")
    assert problem.where == f"{file}:3: space.L (with --set space.L.choice)"


def test_keys_that_are_no_text(write: Write) -> None:
    file = write("1: x\nspace: {2: 3, k: {choice: [1], when: {3: 1}}}\ntraining: {4: 5}\n")
    assert len(problems(file)) == 4


def test_the_line_of_merged_keys_is_that_of_their_section(write: Write) -> None:
    file = write("task: &t {kind: one_object, n: 6}\nspace: {L: 0}\ntraining: {<<: *t}\n")
    assert {problem.where for problem in problems(file)} == {
        f"{file}:3: training.kind",
        f"{file}:3: training.n",
    }


def test_a_merged_key_may_be_set_again(write: Write) -> None:
    file = write("task: {<<: {kind: one_object, n: 6}, n: 7}\n")
    assert load_search_space(file).task.n_pixels == 128


def test_sections_built_in_python_are_checked_too() -> None:
    with pytest.raises(ConfigError, match=r"network\.layers\[0\]: got 32"):
        SweepConfig(name="x", task=OneObjectTask(n=6), network=Network(layers=(32, 64)))
    with pytest.raises(ConfigError, match=r"space\.L: got 11; allowed: for L: 0 to 10"):
        SweepConfig(name="x", space=Space.model_validate({"L": 11}))


SCALARS = st.none() | st.booleans() | st.integers(-3, 20) | st.floats() | st.text(max_size=3)
ANYTHING = st.recursive(
    SCALARS | st.sampled_from(["path", "galerkin", ">0", "fast"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["L", "gamma", "k", "choice", "int", "float", "value", "when", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
PATHS = st.sampled_from(
    [
        *SweepConfig.model_fields,
        *("space.L", "space.gamma", "space.k", "space.x.y", "search.start_points", "search.seeds"),
        *("task.n", "task.kind", "network.layers", "training.budget_s"),
    ]
)


@given(path=PATHS, value=ANYTHING)
def test_whatever_is_given_loads_or_is_a_config_error(
    tmp_path_factory: Any, path: str, value: object
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(SMALL, encoding="utf-8")
    try:
        config = load_search_space(file, [f"{path}={yaml.safe_dump(value)}"])
    except ConfigError:
        return
    file.write_text(config.to_yaml(), encoding="utf-8")
    assert load_search_space(file) == config


def test_the_room_imports_no_heavy_library() -> None:
    code = (
        "import sys, msann_sweep.config\n"
        "heavy = {'torch', 'ray', 'optuna', 'mlflow', 'scipy'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
