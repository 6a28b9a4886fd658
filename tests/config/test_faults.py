"""One fault at a time, and entries that do not fit each other."""

from __future__ import annotations

import pytest

from msann_sweep.config import load_search_space
from tests.config.files import SMALL, Write, only, problems

IMAGES = "task={kind: images, file: a.npy"


@pytest.mark.parametrize(
    ("override", "path", "given", "allowed"),
    [
        ("trainig={}", "trainig", "trainig", "did you mean 'training'"),
        ("training.batchsize=1", "training.batchsize", "unknown key", "did you mean 'batch_size'"),
        ("task.kind=one_objct", "task.kind", '"one_objct"', "did you mean 'one_object'"),
        ("task.kind=", "task.kind", "null", "mnist, mnist_labels, one_object, two_object"),
        ("task=mnist", "task", '"mnist"', "{kind: mnist}"),
        ("task={kind: images, shape: [8, 8]}", "task.file", "nothing", "a value is needed"),
        ("task={kind: images, file: a.npy}", "task.shape", "nothing", "a value is needed"),
        (f"{IMAGES}, shape: 28}}", "task.shape", "28", "a list of values, each a whole number"),
        (f"{IMAGES}, shape: [3, 28, 28]}}", "task.shape", "[3, 28, 28]", "[rows, columns]"),
        (f"{IMAGES}, shape: [2, 3]}}", "task.shape", "[2, 3]", "8 to 65,536 values"),
        (f"{IMAGES}, shape: [0, 28]}}", "task.shape[0]", "0", "a whole number >= 1"),
        (f"{IMAGES}, shape: [28.5]}}", "task.shape[0]", "28.5", "a whole number >= 1"),
        (f"{IMAGES}, shape: [8, 8], validation: 0}}", "task.validation", "0", ">= 1"),
        ("task.n=2", "task.n", "2", "a whole number >= 3 and <= 16"),
        ("task.noise=.nan", "task.noise", "NaN", "a finite number >= 0 and <= 0.5"),
        ("storage=file://runs", "storage", '"file://runs"', "file:///FOLDER"),
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
        ("network.loss=cross_entropy", "network.loss", "cross_entropy", "binary_cross_entropy"),
        ("stopping.accuracy=0.9", "stopping.accuracy", "0.9", "null for task one_object"),
        ("space.cascade=-1", "space.cascade", "-1", "a whole number >= 0"),
        ("space.cascade=all", "space.cascade", '"all"', "auto"),
        ("space.cascade={float: [0, 9]}", "space.cascade", "[0.0, 9.0]", "whole numbers"),
        ("space.schedule=both", "space.schedule", '"both"', "cycle, simultaneous"),
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
        (
            "L: 1\n  schedule: {choice: [cycle, simultaneous]}\n  coarse_step: galerkin",
            "schedule",
            "simultaneous together with coarse_step galerkin",
            "exact coarse steps only",
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


def test_conditions_may_compare_what_can_be_a_number(write: Write) -> None:
    """A number or text: text is never above or below anything."""
    file = write(
        "space: {L: 2, cascade: {choice: [0, 50, auto]}, "
        "level_lr_growth: {value: 2.0, when: {cascade: '>0'}}}\n"
    )
    space = load_search_space(file).space
    assert [
        space.is_active("level_lr_growth", {"L": 2, "cascade": c}) for c in (0, 50, "auto")
    ] == [
        False,
        True,
        False,
    ]


def test_labels_have_a_loss_and_a_target_of_their_own(write: Write) -> None:
    file = write("task: {kind: mnist_labels}\nstopping: {accuracy: 0.9}\n")
    config = load_search_space(file)
    trial = config.trial({"L": 2})
    assert config.network.layers == (1024, 256, 128, 10)
    assert (trial.loss, trial.accuracy, trial.kept_layers) == ("cross_entropy", 0.9, (3,))
    assert "cross_entropy" in only(file, "network.loss=mse").allowed
    assert "10 for the output layer" in only(file, "network.layers=[1024, 16, 16]").allowed
