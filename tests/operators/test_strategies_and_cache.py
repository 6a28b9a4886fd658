"""Strategies beyond the paper's, graphs learned from data, and operator sets on disk."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from msann_sweep.errors import OperatorError
from msann_sweep.operators import (
    LEARNED,
    STRATEGIES,
    Aggregation,
    Kronecker,
    OperatorCache,
    OperatorSet,
    build_operators,
    correlation_graph,
    objective,
)
from msann_sweep.operators.graphs import adjacency
from msann_sweep.operators.learned_graph import heavy_edge_pairs

LAYERS = (64, 16, 8, 16, 64)


def smooth_samples(n: int, order: np.ndarray) -> np.ndarray:
    """Random walks, whose neighbouring values correlate, with the columns in ``order``."""
    return np.cumsum(np.random.default_rng(0).standard_normal((500, n)), axis=1)[:, order]


def test_diffuse_costs_no_diffusion_and_optimized_is_the_most_local() -> None:
    g1, g2 = nx.cycle_graph(32), nx.cycle_graph(64)
    P = {name: build_operators([64], 1, name).operators[0][0].matrix() for name in STRATEGIES}
    assert objective(P["diffuse"], g1, g2, s=0, alpha=1.0).diffusion == pytest.approx(0)
    locality = {name: objective(P[name], g1, g2, s=1).total for name in P}
    assert min(locality, key=lambda name: locality[name]) == "optimized"
    assert locality["path"] < locality["injection"] < locality["random"]


def test_products_stay_products_through_all_levels() -> None:
    operators = build_operators([1024], 6, "product")
    composed = operators.to_finest(0, 6)
    assert isinstance(composed, Kronecker)
    P = composed.matrix()
    np.testing.assert_allclose(P.T @ P, np.eye(16), atol=1e-10)


def test_heavy_edges_pair_neighbours_whatever_the_order_of_the_units() -> None:
    order = np.random.default_rng(1).permutation(32)
    graph = correlation_graph(smooth_samples(32, order), neighbours=2)
    labels = heavy_edge_pairs(adjacency(graph))
    assert sorted(labels) == sorted(np.arange(32) // 2)
    apart = [abs(int(np.diff(order[labels == label])[0])) for label in range(16)]
    assert np.mean(np.array(apart) == 1) > 0.6


def test_units_that_never_vary_are_paired_among_the_rest() -> None:
    samples = smooth_samples(8, np.arange(8))
    samples[:, [2, 5]] = 1.0
    graph = correlation_graph(samples, neighbours=3)
    assert {2, 5} <= set(nx.isolates(graph))
    operators = build_operators([8, 4, 8], 3, LEARNED, graphs={0: graph, 2: graph})
    for level in range(3):
        for chain in operators.operators:
            assert chain[level].n_fine in (chain[level].n_coarse, 2 * chain[level].n_coarse)
    assert isinstance(operators.operators[0][0], Aggregation)
    assert operators.folded_order(0) is not None


def test_a_graph_changes_the_key() -> None:
    graphs = [nx.path_graph(8), nx.cycle_graph(8)]
    keys = {build_operators([8, 8], 2, LEARNED, graphs={0: graph}).key for graph in graphs}
    assert len(keys | {build_operators([8, 8], 2, "path").key}) == 3


def test_graphs_that_do_not_fit() -> None:
    with pytest.raises(OperatorError, match="got no graphs with strategy learned_graph"):
        build_operators([8], 1, LEARNED)
    with pytest.raises(OperatorError, match=r"got graphs for layers \[0\] with strategy path"):
        build_operators([8], 1, "path", graphs={0: nx.path_graph(8)})
    with pytest.raises(OperatorError, match="got 4 vertices for layer 0"):
        build_operators([8], 1, LEARNED, graphs={0: nx.path_graph(4)})
    with pytest.raises(OperatorError, match=r"samples: got shape \(1, 3\)"):
        correlation_graph(np.ones((1, 3)))


def assert_equal(first: OperatorSet, second: OperatorSet) -> None:
    assert first.key == second.key
    assert first.size_bytes == second.size_bytes
    for layer in range(len(first.layers)):
        for a, b in zip(first.operators[layer], second.operators[layer], strict=True):
            assert type(a) is type(b)
            np.testing.assert_array_equal(a.matrix(), b.matrix())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_comes_back_is_what_was_built(tmp_path: Path, strategy: str) -> None:
    cache = OperatorCache(tmp_path)
    built = cache.get(LAYERS, 4, strategy, 3)
    assert_equal(cache.get(LAYERS, 4, strategy, 3), built)
    assert_equal(build_operators(LAYERS, 4, strategy, 3), built)
    assert (cache.built, cache.loaded, cache.rejected) == (1, 1, 0)


@pytest.mark.parametrize("damage", ["flip", "truncate", "foreign", "empty"])
def test_a_damaged_file_is_noticed_and_replaced(tmp_path: Path, damage: str) -> None:
    cache = OperatorCache(tmp_path)
    built = cache.get(LAYERS, 2, "random", 1)
    file = cache.file(built.key)
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    elif damage == "truncate":
        content = content[: len(content) // 2]
    elif damage == "foreign":
        content = bytearray(cache.file(cache.get(LAYERS, 2, "random", 2).key).read_bytes())
    else:
        content = bytearray()
    file.write_bytes(content)
    again = OperatorCache(tmp_path)
    assert_equal(again.get(LAYERS, 2, "random", 1), built)
    assert (again.built, again.loaded, again.rejected) == (1, 0, 1)
    assert_equal(OperatorCache(tmp_path).get(LAYERS, 2, "random", 1), built)


def _get(folder: Path) -> str:
    return OperatorCache(folder).get(LAYERS, 3, "random", 7).key


def test_concurrent_writers_leave_one_whole_file(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        keys = set(pool.map(_get, [tmp_path] * 16))
    assert [file.name for file in tmp_path.iterdir()] == [f"{keys.pop()}.operators"]
    assert not keys
    cache = OperatorCache(tmp_path)
    cache.get(LAYERS, 3, "random", 7)
    assert cache.loaded == 1
