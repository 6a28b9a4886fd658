"""Eq. 3.3, its derivatives and its profiled scales."""

from __future__ import annotations

import math
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import minimize_scalar

from msann_sweep.errors import OperatorError
from msann_sweep.operators import (
    ProlongationObjective,
    closed_form,
    laplacian,
    manhattan_distance,
    objective,
)
from tests.operators.test_graphs import random_graph

scales = st.none() | st.floats(0.2, 3.0)


def reference(
    P: np.ndarray[Any, Any], g1: nx.Graph, g2: nx.Graph, s: float, alpha: float, beta: float
) -> float:
    """Eq. 3.3, word by word."""
    L1, L2, T1, T2 = laplacian(g1), laplacian(g2), manhattan_distance(g1), manhattan_distance(g2)
    diffusion = P @ L1 / math.sqrt(alpha) - math.sqrt(alpha) * L2 @ P
    locality = P @ T1 / math.sqrt(beta) - math.sqrt(beta) * T2 @ P
    return float((1 - s) * np.linalg.norm(diffusion) ** 2 + s * np.linalg.norm(locality) ** 2)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.integers(2, 5), st.integers(0, 4), st.integers(0, 9999), st.floats(0, 1), scales, scales)
def test_value_gradient_and_hessian(
    n1: int, more: int, seed: int, s: float, alpha: float | None, beta: float | None
) -> None:
    g1, g2 = random_graph(n1, seed), random_graph(n1 + more, seed + 1)
    rng = np.random.default_rng(seed)
    P, V = rng.standard_normal((2, n1 + more, n1))
    problem = ProlongationObjective(g1, g2, s=s, alpha=alpha, beta=beta)
    value = objective(P, g1, g2, s=s, alpha=alpha, beta=beta)
    assert value.total == pytest.approx(problem.value(P))
    assert value.total == pytest.approx(reference(P, g1, g2, s, value.alpha, value.beta))
    h = 1e-5
    slope = (problem.value(P + h * V) - problem.value(P - h * V)) / (2 * h)
    size = np.linalg.norm(problem.gradient(P)) * np.linalg.norm(V)
    assert np.vdot(problem.gradient(P), V) == pytest.approx(slope, abs=1e-6 * size + 1e-6)
    turned = (problem.gradient(P + h * V) - problem.gradient(P - h * V)) / (2 * h)
    hessian = problem.hessian(P, V)
    np.testing.assert_allclose(hessian, turned, atol=1e-5 * max(1.0, np.abs(hessian).max()))


@pytest.mark.parametrize("s", [0.0, 1.0])
def test_profiled_scales_are_the_best_ones(s: float) -> None:
    g1, g2 = nx.path_graph(4), nx.cycle_graph(9)
    P = np.linalg.qr(np.random.default_rng(0).standard_normal((9, 4)))[0]
    profiled = objective(P, g1, g2, s=s)
    scale = profiled.alpha if s == 0 else profiled.beta
    searched = minimize_scalar(
        lambda c: objective(P, g1, g2, s=s, alpha=c, beta=c).total, bounds=(0.01, 10)
    )
    assert profiled.total == pytest.approx(searched.fun)
    assert scale == pytest.approx(searched.x, rel=1e-3)


def test_reference_values_of_pair_aggregation() -> None:
    g1, g2 = nx.cycle_graph(16), nx.cycle_graph(32)
    pair = closed_form("cycle", "pair", 16)
    assert objective(pair, g1, g2, s=1, beta=0.5).total == pytest.approx(10_880)
    profiled = objective(pair, g1, g2, s=1)
    assert profiled.total == pytest.approx(63.6, abs=0.05)
    assert profiled.beta == pytest.approx(0.25, abs=0.002)


def test_a_sparse_p_on_a_large_graph() -> None:
    n = 2**14
    P = sparse.kron(sparse.eye_array(n), np.full((2, 1), 0.5**0.5), format="csr")
    value = objective(P, nx.path_graph(n), nx.path_graph(2 * n), s=0, alpha=1.0)
    # Each coarse edge but none at the ends adds 2 to ‖PL₁ − L₂P‖²: (n − 1) of them.
    assert value.total == pytest.approx(2 * (n - 1))
    assert math.isnan(value.locality)


def test_disconnected_graphs_have_a_diffusion_term_only() -> None:
    apart = nx.empty_graph(2)
    P = np.eye(3, 2)
    assert math.isnan(objective(P, apart, nx.path_graph(3), s=0).locality)
    with pytest.raises(OperatorError, match="no path joins vertices 0 and 1"):
        objective(P, apart, nx.path_graph(3), s=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"s": -0.1}, r"s: got -0\.1; allowed: 0"),
        ({"s": 1.5}, "s: got 1.5"),
        ({"s": math.nan}, "s: got nan"),
        ({"alpha": 0.0}, "alpha: got 0.0; allowed: above 0"),
        ({"beta": -1.0}, "beta: got -1.0"),
        ({"beta": math.inf}, "beta: got inf"),
        ({"P": np.full((4, 2), np.nan)}, "got 8 entries that are not finite"),
        ({"P": np.eye(2, 4)}, r"got shape \(2, 4\); allowed: \(4, 2\)"),
        ({"g1": nx.path_graph(5)}, "got 5 coarse and 4 fine vertices"),
        ({"g1": nx.DiGraph([(0, 1)])}, "got DiGraph"),
    ],
)
def test_bad_input(arguments: dict[str, Any], message: str) -> None:
    known = {"P": np.eye(4, 2), "g1": nx.path_graph(2), "g2": nx.path_graph(4), "s": 0.5}
    with pytest.raises(OperatorError, match=message):
        objective(**(known | arguments))
