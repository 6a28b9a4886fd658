"""Kronecker products of prolongation maps: application, bound, exact value."""

from __future__ import annotations

import math
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msann_sweep.errors import OperatorError
from msann_sweep.operators import (
    Aggregation,
    Dense,
    Identity,
    Kronecker,
    box_product,
    box_product_bound,
    box_product_exact,
    diffusion_distance,
    eigenvalue_matching,
    laplacian,
    matching_prolongation,
)
from msann_sweep.operators.solvers.stiefel import random_orthonormal
from tests.operators.test_graphs import random_graph

Problem = tuple[np.ndarray[Any, Any], tuple[nx.Graph, nx.Graph]]


def random_problem(n1: int, more: int, seed: int) -> Problem:
    P = random_orthonormal(n1 + more, n1, np.random.default_rng(seed))
    return P, (random_graph(n1, seed), random_graph(n1 + more, seed + 1))


problems = st.builds(random_problem, st.integers(1, 3), st.integers(0, 2), st.integers(0, 9999))


def boxed(first: Problem, second: Problem) -> Problem:
    (P1, (g1, h1)), (P2, (g2, h2)) = first, second
    return np.kron(P1, P2), (box_product(g1, g2), box_product(h1, h2))


@settings(deadline=None, max_examples=50, derandomize=True)
@given(problems, problems, st.floats(0.2, 4.0))
def test_theorem_5_1(first: Problem, second: Problem, alpha: float) -> None:
    actual = diffusion_distance(*boxed(first, second), alpha)
    assert box_product_exact(*first, *second, alpha=alpha) == pytest.approx(actual, abs=1e-6)
    assert actual <= box_product_bound(*first, *second, alpha=alpha) * (1 + 1e-9) + 1e-9


@settings(deadline=None, max_examples=30, derandomize=True)
@given(problems, problems)
def test_theorem_sm2_1(first: Problem, second: Problem) -> None:
    # In eigenspace the same maps have the same distances, so the same bound holds there.
    rotated = []
    for P, (g1, g2) in (first, second):
        U1, U2 = (np.linalg.eigh(laplacian(graph))[1] for graph in (g1, g2))
        rotated.append((U2.T @ P @ U1, (g1, g2)))
    spectral = box_product_bound(*rotated[0], *rotated[1], spectral=True)
    assert spectral == pytest.approx(box_product_bound(*first, *second), abs=1e-6)


def test_corollary_5_2() -> None:
    # Both factors have maps without cost at alpha = 1; then so has the box product.
    pairs = [(family(4), family(8)) for family in (nx.path_graph, nx.cycle_graph)]
    first, second = ((matching_prolongation(*pair), pair) for pair in pairs)
    assert box_product_bound(*first, *second) < 1e-5
    assert diffusion_distance(*boxed(first, second)) < 1e-5


def test_products_of_matchings_are_matchings() -> None:
    M = [
        eigenvalue_matching(laplacian(nx.path_graph(n)), laplacian(nx.cycle_graph(n + 2)))
        for n in (2, 3)
    ]
    product = np.kron(*M)
    assert set(np.unique(product)) == {0.0, 1.0}
    np.testing.assert_array_equal(product.T @ product, np.eye(6))


def test_a_product_is_applied_without_being_formed() -> None:
    rng = np.random.default_rng(0)
    first, second = Aggregation(np.arange(8) // 2, 4), Dense(random_orthonormal(6, 3, rng))
    product = Kronecker(first, second)
    P = np.kron(first.matrix(), second.matrix())
    X, Y = rng.standard_normal((2, 5, 48)), rng.standard_normal((5, 12))
    np.testing.assert_allclose(product.restrict(X), X @ P)
    np.testing.assert_allclose(product.prolong(Y), Y @ P.T)
    np.testing.assert_allclose(product.matrix(), P)
    assert product.size_bytes < P.nbytes / 4


def test_products_compose_factor_by_factor() -> None:
    rng = np.random.default_rng(1)
    A, C = Aggregation(np.arange(8) // 2, 4), Aggregation(np.arange(4) // 2, 2)
    B, D = Dense(random_orthonormal(6, 3, rng)), Dense(random_orthonormal(3, 2, rng))
    composed = Kronecker(A, B) @ Kronecker(C, D)
    assert isinstance(composed, Kronecker)
    expected = np.kron(A.matrix(), B.matrix()) @ np.kron(C.matrix(), D.matrix())
    np.testing.assert_allclose(composed.matrix(), expected)
    narrower = Kronecker(A, B) @ Aggregation(np.arange(12) // 2, 6)
    np.testing.assert_allclose(
        narrower.matrix(), np.kron(A.matrix(), B.matrix()) @ np.kron(np.eye(6), [[0.5**0.5]] * 2)
    )
    same = Kronecker(A, B) @ Identity(12)
    np.testing.assert_allclose(same.matrix(), Kronecker(A, B).matrix())


def test_bad_input() -> None:
    graphs = nx.path_graph(2), nx.path_graph(4)
    with pytest.raises(OperatorError, match=r"got shape \(2, 4\); allowed: \(4, 2\)"):
        diffusion_distance(np.eye(2, 4), graphs)
    with pytest.raises(OperatorError, match="alpha: got 0"):
        box_product_bound(np.eye(4, 2), graphs, np.eye(4, 2), graphs, alpha=0)
    assert math.isfinite(diffusion_distance(np.eye(4, 2), graphs))
