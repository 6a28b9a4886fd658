"""Graphs, their matrices and lineages."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msann_sweep.errors import OperatorError
from msann_sweep.operators import (
    box_product,
    cross_product,
    laplacian,
    lineage,
    manhattan_distance,
    sparse_laplacian,
)
from msann_sweep.operators.graphs import adjacency


def random_graph(n: int, seed: int) -> nx.Graph:
    """Connected, with random weights."""
    rng = np.random.default_rng(seed)
    graph = nx.path_graph(n)
    for u, v in nx.erdos_renyi_graph(n, 0.4, seed=seed).edges:
        graph.add_edge(u, v)
    for _, _, data in graph.edges(data=True):
        data["weight"] = float(rng.uniform(0.5, 2))
    return graph


graphs = st.builds(random_graph, st.integers(1, 6), st.integers(0, 10_000))


@settings(deadline=None, max_examples=30, derandomize=True)
@given(graphs)
def test_the_laplacian_is_the_papers(graph: nx.Graph) -> None:
    L = laplacian(graph)
    np.testing.assert_allclose(L, -nx.laplacian_matrix(graph).toarray(), atol=1e-14)
    np.testing.assert_allclose(L.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_array_equal(L, sparse_laplacian(graph).toarray())


def test_a_self_loop_does_not_count() -> None:
    graph = nx.path_graph(3)
    before = laplacian(graph)
    graph.add_edge(1, 1, weight=5.0)
    np.testing.assert_array_equal(laplacian(graph), before)


@settings(deadline=None, max_examples=30, derandomize=True)
@given(graphs, graphs)
def test_products_are_kronecker_sums_and_products(first: nx.Graph, second: nx.Graph) -> None:
    A1, A2 = adjacency(first).toarray(), adjacency(second).toarray()
    I1, I2 = np.eye(len(first)), np.eye(len(second))
    box, cross = box_product(first, second), cross_product(first, second)
    np.testing.assert_allclose(adjacency(box).toarray(), np.kron(A1, I2) + np.kron(I1, A2))
    np.testing.assert_allclose(adjacency(cross).toarray(), np.kron(A1, A2))
    L1, L2 = laplacian(first), laplacian(second)
    np.testing.assert_allclose(laplacian(box), np.kron(L1, I2) + np.kron(I1, L2), atol=1e-12)
    assert set(box.edges) == set(nx.cartesian_product(first, second).to_undirected().edges)


def test_box_distances_add_up() -> None:
    first, second = nx.cycle_graph(5), nx.star_graph(3)
    T1, T2 = manhattan_distance(first), manhattan_distance(second)
    expected = np.kron(T1, np.ones_like(T2)) + np.kron(np.ones_like(T1), T2)
    np.testing.assert_array_equal(manhattan_distance(box_product(first, second)), expected)


def test_distances_count_edges_whatever_their_weight() -> None:
    graph = random_graph(6, 3)
    expected = dict(nx.all_pairs_shortest_path_length(graph))
    T = manhattan_distance(graph)
    assert all(T[u, v] == expected[u][v] for u in graph for v in graph)


@pytest.mark.parametrize(
    ("kind", "sizes", "edges"),
    [
        ("path", [1, 2, 4, 8], 7),
        ("cycle", [1, 2, 4, 8], 8),
        ("grid", [1, 4, 16, 64], 112),
        ("periodic_grid", [1, 4, 16, 64], 128),
        ("complete", [1, 2, 4, 8], 28),
        ("binary_tree", [1, 3, 7, 15], 14),
        ("hypercube", [1, 2, 4, 8], 12),
        (("path", "cycle"), [1, 4, 16, 64], 8 * 8 + 8 * 7),
    ],
)
def test_lineages(kind: str | tuple[str, ...], sizes: list[int], edges: int) -> None:
    graphs = lineage(kind, 3)
    assert [len(graph) for graph in graphs] == sizes
    assert graphs[-1].number_of_edges() == edges
    assert nx.number_of_selfloops(graphs[0]) == 1
    assert all(nx.number_of_selfloops(graph) == 0 for graph in graphs[1:])
    assert all(nx.is_connected(graph) for graph in graphs)


def test_a_hypercube_is_networkx_s() -> None:
    assert nx.is_isomorphic(lineage("hypercube", 4)[4], nx.hypercube_graph(4))


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (nx.Graph(), "got 0 vertices"),
        (nx.DiGraph([(0, 1)]), "got DiGraph"),
        (nx.MultiGraph([(0, 1)]), "got MultiGraph"),
        (nx.Graph([(0, 1, {"weight": -2.0})]), "weight -2; allowed: finite, >= 0"),
        (nx.Graph([(0, 1, {"weight": float("nan")})]), "weight nan"),
        ("graph", "got str"),
    ],
)
def test_what_is_no_graph_for_us(graph: nx.Graph, message: str) -> None:
    with pytest.raises(OperatorError, match=message):
        laplacian(graph)


def test_unreachable_vertices_are_named() -> None:
    graph = nx.Graph([("a", "b"), ("c", "d")])
    with pytest.raises(OperatorError, match="no path joins vertices 'a' and 'c'"):
        manhattan_distance(graph)


def test_an_unknown_lineage_and_a_negative_depth() -> None:
    with pytest.raises(OperatorError, match="got 'torus'; allowed: path, cycle"):
        lineage("torus", 2)
    with pytest.raises(OperatorError, match="got -1"):
        lineage("path", -1)
