from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
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
    Problem,
    Space,
    SweepConfig,
    load_search_space,
)
from msann_sweep.config.document import parse

SMALL = """\
task: {kind: one_object, n: 6}
space:
  L: {int: [0, 3]}
  gamma: {choice: [1, 2]}
  prolongation: {choice: [path, random]}
  learning_rate: {float: [1e-4, 1e-2], log: true}
"""
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str) -> Path:
        file = tmp_path / "small.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write_file


def problems(file: Path, *overrides: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_search_space(file, overrides)
    assert caught.value.exit_code == 2
    assert "pydantic" not in str(caught.value)
    assert "Input should" not in str(caught.value)
    return list(caught.value.problems)


def only(file: Path, *overrides: str) -> Problem:
    (problem,) = problems(file, *overrides)
    return problem


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


@pytest.mark.parametrize(
    ("override", "path", "given", "allowed"),
    [
        ("trainig={}", "trainig", "trainig", "did you mean 'training'"),
        ("training.batchsize=1", "training.batchsize", "unknown key", "did you mean 'batch_size'"),
        ("task.kind=one_objct", "task.kind", '"one_objct"', "did you mean 'one_object'"),
        ("task.kind=", "task.kind", "null", "mnist, mnist_labels, one_object, two_object"),
        ("task=mnist", "task", '"mnist"', "{kind: mnist}"),
        ("task.n=2", "task.n", "2", "a whole number >= 3 and <= 16"),
        ("task.noise=.nan", "task.noise", "NaN", "a finite number >= 0 and <= 0.5"),
        ("search.sampler=TPE", "search.sampler", '"TPE"', "did you mean 'tpe'"),
        ("search.concurrency=0", "search.concurrency", "0", "auto or a whole number >= 1"),
        ("search.grid=1", "search.grid", "1", "true or false"),
        ("training.budget_s=0", "training.budget_s", "0", "null or a number > 0"),
        ("training.learning_rate=fast", "training.learning_rate", '"fast"', "a number > 0"),
        ("space.gamma=-1", "space.gamma", "-1", "a whole number >= 0"),
        ("space.k=0", "space.k", "0", "a whole number >= 1"),
        ("space.learning_rate=0", "space.learning_rate", "0", "a number > 0"),
        ("space.learning_rate=fast", "space.learning_rate", '"fast"', "a number > 0"),
        ("space.L=7", "space.L", "7", "0 to 6"),
        ("space.L={int: [1, 9]}", "space.L.int[1]", "9", "0 to 6"),
        ("space.prolongation=gird", "space.prolongation", '"gird"', "did you mean 'grid'"),
        ("space.gama=1", "space.gama", '"gama"', "did you mean 'gamma'"),
        ("space.gamma=", "space.gamma", "null", "a constant, {choice"),
        ("space.gamma=yes", "space.gamma", "true", "a constant, {choice"),
        ("space.gamma={chioce: [1]}", "space.gamma", "chioce", "did you mean 'choice'"),
        ("space.gamma={int: [1, 2], stp: 1}", "space.gamma.stp", '"stp"', "did you mean 'step'"),
        ("space.gamma={int: 3}", "space.gamma.int", "3", "[low, high]"),
        ("space.gamma={int: [2, 1]}", "space.gamma", "[2, 1]", "low <= high"),
        ("space.gamma={int: [0, 2], log: true}", "space.gamma", "true", "low >= 1"),
        ("space.gamma={choice: []}", "space.gamma.choice", "[]", "a list of values"),
        ("space.gamma={choice: [1, 1]}", "space.gamma", "[1, 1]", "every value once"),
        ("space.gamma={choice: [true]}", "space.gamma.choice[0]", "true", "a number or text"),
        ("space.gamma={float: [1, 2]}", "space.gamma", "[1.0, 2.0]", "whole numbers"),
        ("network.layers=[]", "network.layers", "[]", "an input and an output layer"),
        ("network.layers=[64]", "network.layers", "[64]", "an input and an output layer"),
        ("network.layers=[64, 0, 64]", "network.layers[1]", "0", "a whole number >= 1"),
        ("network.layers=[64, 50, 64]", "network.layers[1]", "50", "32 or 64"),
        ("network.layers=[32, 16, 64]", "network.layers[0]", "32", "64 for the input layer"),
        ("network.layers=[64, 16, 32]", "network.layers[2]", "32", "64 for the output layer"),
        ("storage=", "storage", None, None),
        ("name=a/b", "name", '"a/b"', "letters, digits"),
        ("name=", "name", '""', "letters, digits"),
        ("name.x=1", "name.x", "name", "a key below a mapping"),
        ("training", "training", '"training"', "key.path=value"),
        ("space.L={int: [1", "space.L", "broken YAML", "a value in YAML"),
    ],
)
def test_one_wrong_field(
    write: Write, override: str, path: str, given: str | None, allowed: str | None
) -> None:
    file = write(SMALL)
    if given is None or allowed is None:
        assert load_search_space(file, [override]) == load_search_space(file)
        return
    problem = only(file, override)
    assert problem.where == f"--set {path}"
    assert given in problem.given
    assert allowed in problem.allowed


@pytest.mark.parametrize(
    ("space", "path", "given", "allowed"),
    [
        ("gamma: {int: [1, 2], when: {gamma: 1}}", "gamma", "gamma needs gamma", "leads back"),
        (
            "L: {int: [0, 2], when: {gamma: 1}}\n  gamma: {int: [1, 2]}",
            "L",
            "L needs gamma needs L",
            "gamma always depends on L",
        ),
        ("L: 1\n  k: {int: [1, 2], when: {Ll: 1}}", "k.when.Ll", '"Ll"', "did you mean 'L'"),
        (
            "L: 1\n  prolongation: path\n  k: {int: [1, 2], when: {prolongation: '>0'}}",
            "k.when.prolongation",
            '">0"',
            "a value of prolongation",
        ),
        (
            "L: 1\n  prolongation: path\n  k: {int: [1, 2], when: {prolongation: [pth]}}",
            "k.when.prolongation",
            '"pth"',
            "did you mean 'path'",
        ),
        (
            "L: 1\n  prolongation: {choice: [path, random]}\n  coarse_step: galerkin",
            "coarse_step",
            "galerkin together with prolongation random",
            "when: {prolongation: [path, grid, grid_shuffled, diffuse, learned_graph]}",
        ),
    ],
)
def test_entries_that_do_not_fit_each_other(
    write: Write, space: str, path: str, given: str, allowed: str
) -> None:
    file = write(f"space:\n  {space}\n")
    problem = only(file)
    assert problem.where.startswith(f"{file}:")
    assert problem.where.endswith(f": space.{path}")
    assert given in problem.given
    assert allowed in problem.allowed


@pytest.mark.parametrize(
    "space",
    [
        "{L: 0, prolongation: random, coarse_step: galerkin}",
        "{L: 1, prolongation: {choice: [path, random]}, "
        "coarse_step: {value: galerkin, when: {prolongation: path}}}",
        "{L: 1, prolongation: random, coarse_step: {choice: [exact, galerkin], "
        "when: {prolongation: '!=random'}}}",
        "{L: {int: [0, 3]}, coarse_step: galerkin, "
        "prolongation: {choice: [random], when: {L: '>3'}}}",
    ],
)
def test_galerkin_and_random_may_stand_in_one_space(write: Write, space: str) -> None:
    assert load_search_space(write(f"space: {space}"))


def test_any_layers_do_for_plain_training(write: Write) -> None:
    file = write("task: {kind: one_object, n: 6}\nnetwork: {layers: [64, 50, 64]}\nspace: {L: 0}\n")
    assert load_search_space(file).network.layers == (64, 50, 64)
    assert "32 or 64" in only(file, "space.L={int: [0, 1]}").allowed


def test_a_grid_needs_ranges_that_can_be_enumerated(write: Write) -> None:
    file = write(SMALL + "search: {grid: true}\n")
    problem = only(file)
    assert problem.where == f"{file}:6: space.learning_rate"
    assert "step" in problem.allowed
    assert load_search_space(file, ["space.learning_rate={float: [0.1, 0.3], step: 0.1}"])


def test_start_points_are_checked_like_samples(write: Write) -> None:
    points = "[{L: 3, learning_rate: 1e-3}, {L: 9, gama: 1, k: 2, gamma: fast, learning_rate: 1}]"
    file = write(SMALL + f"search: {{start_points: {points}}}\n")
    found = {problem.where.split("].")[1]: problem for problem in problems(file)}
    assert list(found) == ["L", "gama", "k", "gamma", "learning_rate"]
    assert "0, 1, 2, 3" in found["L"].allowed
    assert "did you mean 'gamma'" in found["gama"].allowed
    assert "L, gamma, prolongation, learning_rate" in found["k"].allowed
    assert "0.0001 to 0.01" in found["learning_rate"].allowed


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
