"""Solvers, and the exact solution among translation-invariant maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import networkx as nx
import numpy as np
import pytest

from msann_sweep.errors import OperatorError
from msann_sweep.operators import (
    closed_form,
    lineage,
    objective,
    optimize_circulant,
    optimize_prolongation,
    stationarity,
)
from msann_sweep.operators.closed_forms import filter_matrix
from msann_sweep.operators.solvers import METHODS, Solution

SIXTEEN, THIRTY_TWO = nx.cycle_graph(16), nx.cycle_graph(32)
ANALYTIC = [method for method in METHODS if method != "nelder-mead"]


def test_the_matching_start_reaches_the_papers_value() -> None:
    found = optimize_prolongation(SIXTEEN, THIRTY_TWO, s=1, beta=0.5)
    assert found.value.total == pytest.approx(9851.19, abs=0.01)
    kind = stationarity(found.P, SIXTEEN, THIRTY_TWO, s=1, beta=0.5).kind
    assert kind == "minimum"


def test_conjugate_gradients_from_pairs_reach_the_profiled_value() -> None:
    found = optimize_prolongation(
        SIXTEEN,
        THIRTY_TWO,
        s=1,
        method="conjugate-gradient",
        start=closed_form("cycle", "pair", 16),
    )
    assert found.value.total == pytest.approx(3.14, abs=0.005)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("s", [0.0, 0.4, 1.0])
def test_every_method_descends_on_the_manifold(method: str, s: float) -> None:
    g1, g2 = lineage("path", 3)[2:]
    start = closed_form("path", "pair", 4)
    found = optimize_prolongation(g1, g2, s=s, method=method, start=start, max_iterations=300)
    np.testing.assert_allclose(found.P.T @ found.P, np.eye(4), atol=1e-9)
    assert found.value.total < 0.9 * objective(start, g1, g2, s=s).total
    assert found.value.total == objective(found.P, g1, g2, s=s).total
    assert 0 < found.iterations <= 300
    assert found.stop_reason


@pytest.mark.parametrize("method", ANALYTIC)
def test_methods_agree_on_an_easy_problem(method: str) -> None:
    g1, g2 = lineage("path", 3)[2:]
    found = optimize_prolongation(g1, g2, s=0, alpha=1.0, method=method, max_iterations=3000)
    assert found.value.total == pytest.approx(0.0, abs=1e-6)


def test_iterations_are_bounded_and_said_to_be_used_up() -> None:
    found = optimize_prolongation(SIXTEEN, THIRTY_TWO, s=0.5, max_iterations=3)
    assert (found.iterations, found.stop_reason) == (3, "iterations used up")


def test_a_seed_reproduces_random_restarts_wherever_they_run() -> None:
    def backwards(solve: Callable[..., Solution], starts: Iterable[Any]) -> list[Solution]:
        return [solve(start) for start in list(starts)[::-1]]

    g1, g2 = lineage("cycle", 3)[2:]
    arguments: dict[str, Any] = {"s": 0.7, "start": "random", "restarts": 3, "seed": 5}
    here = optimize_prolongation(g1, g2, **arguments)
    there = optimize_prolongation(g1, g2, map_starts=backwards, **arguments)
    np.testing.assert_array_equal(here.P, there.P)
    alone = optimize_prolongation(g1, g2, s=0.7, start="random", seed=5)
    assert here.value.total <= alone.value.total


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "newton"}, "method: got 'newton'; allowed: trust-regions, conj"),
        ({"start": "zero"}, "start: got 'zero'; allowed: matching"),
        ({"start": np.ones((8, 4))}, "differs from the identity by 8"),
        ({"max_iterations": 0}, "got 0, 0"),
        ({"method": "nelder-mead", "g2": nx.path_graph(51)}, r"got 204 unknowns \(51 x 4\)"),
        ({"s": 2.0}, "s: got 2.0"),
    ],
)
def test_bad_input(arguments: dict[str, Any], message: str) -> None:
    known = {"g1": nx.path_graph(4), "g2": nx.path_graph(8), "s": 0.5}
    with pytest.raises(OperatorError, match=message):
        optimize_prolongation(**(known | arguments))


@pytest.mark.parametrize("n", [3, 4, 7, 8])
@pytest.mark.parametrize("s", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("scale", [None, 0.4])
def test_the_circulant_value_is_the_objective_and_beats_any_filter(
    n: int, s: float, scale: float | None
) -> None:
    g1, g2 = nx.cycle_graph(n), nx.cycle_graph(2 * n)
    found = optimize_circulant("cycle", n, s=s, alpha=scale, beta=scale)
    P = found.matrix()
    np.testing.assert_allclose(P.T @ P, np.eye(n), atol=1e-12)
    value = objective(P, g1, g2, s=s, alpha=scale, beta=scale)
    assert found.value.total == pytest.approx(value.total, abs=1e-7)
    rng = np.random.default_rng(n)
    for _ in range(20):
        response = np.fft.fft(rng.standard_normal(2 * n))
        aliases = np.abs(response[:n]) ** 2 + np.abs(response[n:]) ** 2
        kernel = np.fft.ifft(response * np.sqrt(2 / np.tile(aliases, 2))).real
        rival = objective(filter_matrix(kernel), g1, g2, s=s, alpha=scale, beta=scale)
        assert found.value.total <= rival.total + 1e-7


def test_the_circulant_value_is_that_of_the_general_solver() -> None:
    found = optimize_circulant("cycle", 16, s=1)
    general = optimize_prolongation(SIXTEEN, THIRTY_TWO, s=1)
    assert found.value.total == pytest.approx(general.value.total, rel=1e-4)


def test_periodic_grids() -> None:
    g1, g2 = lineage("periodic_grid", 3)[2:]
    found = optimize_circulant("periodic_grid", 4, s=0.5)
    P = found.matrix()
    np.testing.assert_allclose(P.T @ P, np.eye(16), atol=1e-12)
    assert found.value.total == pytest.approx(objective(P, g1, g2, s=0.5).total)
    blocks = objective(closed_form("grid", "blocks", 4), g1, g2, s=0.5)
    assert found.value.total < blocks.total


def test_ten_thousand_vertices() -> None:
    found = optimize_circulant("cycle", 10_000, s=0.5)
    energy = np.fft.fft(found.kernel)
    np.testing.assert_allclose(np.abs(energy[:10_000]) ** 2 + np.abs(energy[10_000:]) ** 2, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"family": "path"}, "family: got 'path'; allowed: cycle, periodic_grid"),
        ({"n": 2}, "n: got 2; allowed: at least 3"),
        ({"s": -1}, "s: got -1"),
        ({"alpha": 0.0}, "alpha: got 0.0"),
    ],
)
def test_bad_circulant_input(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(OperatorError, match=message):
        optimize_circulant(**({"family": "cycle", "n": 8, "s": 0.5} | arguments))
