"""Closed forms are orthonormal critical points; their kind is computed."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from msann_sweep.errors import OperatorError
from msann_sweep.operators import (
    ProlongationObjective,
    closed_form,
    closed_form_species,
    objective,
    stationarity,
)
from msann_sweep.operators.closed_forms import FAMILIES, species
from msann_sweep.operators.lineage import grid_graph
from msann_sweep.operators.solvers.stiefel import riemannian

GRAPHS = {
    "cycle": nx.cycle_graph,
    "path": nx.path_graph,
    "grid": lambda n: grid_graph(n, n, periodic=True),
}
SIZES = {"cycle": (3, 4, 7, 8), "path": (3, 4, 7, 8), "grid": (3, 4)}
CASES = [
    (family, name, n) for family in FAMILIES for name in FAMILIES[family] for n in SIZES[family]
]


def test_there_are_enough_of_each() -> None:
    def count(family: str, s: int) -> int:
        return sum(species(family, name).s == s for name in closed_form_species(family))

    assert (count("cycle", 1), count("cycle", 0)) == (3, 4)
    assert (count("grid", 1), count("grid", 0)) == (6, 4)


@pytest.mark.parametrize(("family", "name", "n"), CASES)
def test_orthonormal_and_critical(family: str, name: str, n: int) -> None:
    found, P = species(family, name), closed_form(family, name, n)
    g1, g2 = GRAPHS[family](n), GRAPHS[family](2 * n)
    assert P.shape == (len(g2), len(g1))
    np.testing.assert_allclose(P.T @ P, np.eye(len(g1)), atol=1e-12)
    problem = ProlongationObjective(g1, g2, s=found.s, alpha=1.0, beta=found.beta)
    gradient = problem.gradient(P)
    size = max(float(np.linalg.norm(gradient)), 1.0)
    assert np.linalg.norm(riemannian(P, gradient)) <= 1e-9 * size


@pytest.mark.parametrize("n", range(3, 9))
def test_filters_are_minima_at_the_papers_scale_for_four_vertices_only(n: int) -> None:
    g1, g2 = nx.cycle_graph(n), nx.cycle_graph(2 * n)
    for name in ("pair", "four_point", "injection"):
        at = stationarity(closed_form("cycle", name, n), g1, g2, s=1, beta=0.5)
        assert at.kind == ("minimum" if n == 4 else "saddle")


@pytest.mark.parametrize(
    ("family", "name"), [("cycle", "cover"), ("path", "fold"), ("grid", "cover")]
)
def test_global_minima_of_the_diffusion_term(family: str, name: str) -> None:
    g1, g2 = GRAPHS[family](5), GRAPHS[family](10)
    P = closed_form(family, name, 5)
    assert objective(P, g1, g2, s=0, alpha=1.0).diffusion == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("n", [4, 5, 16])
def test_translation_invariant_maps_tie_at_the_papers_scale(n: int) -> None:
    g1, g2 = nx.cycle_graph(n), nx.cycle_graph(2 * n)
    names = ("pair", "four_point", "injection", "band_limited", "alternating")
    fixed = [objective(closed_form("cycle", m, n), g1, g2, s=1, beta=0.5).total for m in names]
    assert fixed == pytest.approx([fixed[0]] * len(names))
    profiled = [objective(closed_form("cycle", m, n), g1, g2, s=1).total for m in names]
    assert profiled[3] < profiled[1] < profiled[0] < profiled[2]


def test_a_point_that_is_not_critical_is_told_from_one_that_is() -> None:
    g1, g2 = nx.cycle_graph(4), nx.cycle_graph(8)
    pair = closed_form("cycle", "pair", 4)
    assert stationarity(pair, g1, g2, s=1, beta=0.5).kind == "minimum"
    assert stationarity(pair, g1, g2, s=1).kind == "not critical"
    assert stationarity(closed_form("cycle", "alternating", 4), g1, g2, s=0, alpha=1.0).kind == (
        "saddle"
    )


@pytest.mark.parametrize(
    ("family", "name", "n", "message"),
    [
        ("torus", "pair", 4, "family: got 'torus'; allowed: cycle, path, grid"),
        ("cycle", "pairs", 4, "got 'pairs'; allowed: pair, .*did you mean 'pair'"),
        ("cycle", "cover", 2, "cycle cover: got n = 2; allowed: at least 3"),
    ],
)
def test_bad_input(family: str, name: str, n: int, message: str) -> None:
    with pytest.raises(OperatorError, match=message):
        closed_form(family, name, n)
