"""``operators build | show | tradeoff`` as a user meets them."""

from __future__ import annotations

import csv
from pathlib import Path

import networkx as nx
import pytest
from matplotlib.image import imread

from tests.test_cli import run


def test_build_finds_what_it_built_before(tmp_path: Path) -> None:
    answers = [run(tmp_path, "operators", "build", "-L", "3").stdout for _ in range(2)]
    assert answers[0].startswith("built runs/operators/")
    assert answers[1].startswith("found runs/operators/")
    assert "level 3:    128     32     16     32    128" in answers[1]


def test_build_from_a_graph_of_ones_own(tmp_path: Path) -> None:
    nx.write_graphml(nx.cycle_graph(8), tmp_path / "ring.graphml")
    nx.write_weighted_edgelist(nx.cycle_graph(8), tmp_path / "ring.edges")
    answers = []
    for name in ("ring.graphml", "ring.edges"):
        arguments = ("--layers", "8,4", "-L", "2", "--strategy", "learned_graph")
        answer = run(tmp_path, "operators", "build", *arguments, "--graph", f"0={name}")
        assert answer.returncode == 0, answer.stderr
        assert "level 2:      2      1" in answer.stdout
        answers.append(answer.stdout.split())
    # The edge list names vertex 7 before 2; units are numbers all the same, so that both agree.
    assert (answers[0][0], answers[1][0]) == ("built", "found")
    assert answers[0][1] == answers[1][1]


def test_show_prints_and_draws(tmp_path: Path) -> None:
    answer = run(tmp_path, "operators", "show", "cycle", "8", "--out", "pictures")
    assert answer.returncode == 0, answer.stderr
    assert "band_limited_shifted" in answer.stdout.replace("\n", "")
    assert "672" in answer.stdout
    picture = imread(tmp_path / "pictures/cycle_8.png")
    assert picture.min() < 0.1 < 0.9 < picture.max()


@pytest.mark.slow
def test_tradeoff_writes_the_figures_and_their_numbers(tmp_path: Path) -> None:
    arguments = ("--sizes", "4,8", "--steps", "3", "--iterations", "60")
    answer = run(tmp_path, "operators", "tradeoff", *arguments)
    assert answer.returncode == 0, answer.stderr
    with (tmp_path / "figures/figureSM1.csv").open() as file:
        points = list(csv.DictReader(file))
    assert len(points) == 2 * 3 * 5
    ends = {p["s"]: p for p in points if p["n"] == "8" and p["method"] == "trust-regions"}
    assert float(ends["0.0"]["diffusion"]) < 1e-6 < float(ends["1.0"]["diffusion"])
    assert float(ends["1.0"]["locality"]) < float(ends["0.0"]["locality"])
    for name in ("figureSM1.png", "figure2.png"):
        assert imread(tmp_path / "figures" / name).std() > 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("build", "--strategy", "nonsense"), "strategy: got 'nonsense'"),
        (("build", "--layers", "8,x"), "sizes: got '8,x'"),
        (("build", "--layers", "12"), "layers: got sizes [12]"),
        (("build", "--graph", "file"), "allowed: LAYER=FILE"),
        (("build", "--graph", "0=none.graphml"), "cannot read none.graphml"),
        (("build", "--graph", "0=file.graphml"), "no graph that networkx reads"),
        (("build", "--cache", "file/cache"), "cannot write to file/cache"),
        (("show", "torus", "3"), "family: got 'torus'"),
        (("show", "grid", "1"), "grid: got n = 1"),
        (("show", "cycle", "2", "--species", "cover"), "got n = 2; allowed: at least 3"),
        (("tradeoff", "--sizes", "2"), "n: got 2; allowed: at least 3"),
    ],
)
def test_bad_input(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "file.graphml").write_text("<no graph")
    answer = run(tmp_path, "operators", *arguments)
    assert answer.returncode == 2
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr
