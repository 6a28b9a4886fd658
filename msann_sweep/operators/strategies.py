"""Strategies that give every layer its prolongation operators (Section 4.4 of the paper).

A strategy is a function ``(n_units, level, rng) -> Operator`` from a layer of ``n_units`` units at
``level`` to the next coarser one, half as large. Layers of equal size share their operators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import networkx as nx
import numpy as np

from msann_sweep.errors import OperatorError
from msann_sweep.operators import closed_forms
from msann_sweep.operators.circulant import optimize_circulant
from msann_sweep.operators.learned_graph import LEARNED, graph_aggregations
from msann_sweep.operators.operator import Aggregation, Dense, FloatArray, Identity, Operator
from msann_sweep.operators.operator_set import OperatorSet, graphs_digest
from msann_sweep.operators.products import Kronecker

Strategy = Callable[[int, int, np.random.Generator], Operator]


def grid_shape(n_units: int) -> tuple[int, int]:
    """Rows and columns of the grid that a layer of 2^m units stands for: square or 2:1."""
    exponent = n_units.bit_length() - 1
    return 1 << (exponent + 1) // 2, 1 << exponent // 2


def path(n_units: int, level: int, rng: np.random.Generator) -> Operator:  # noqa: ARG001 - a Strategy
    """Pairs of neighbours on a path: column 3 of the cycle graphs in Figure 3."""
    return Aggregation(np.arange(n_units) // 2, n_units // 2)


def grid(n_units: int, level: int, rng: np.random.Generator) -> Operator:  # noqa: ARG001 - a Strategy
    """Pairs of neighbours on a grid; square grids halve their columns, 2:1 grids their rows.

    Two levels together form 2×2 blocks: column 6 of the grid graphs in Figure 3.
    """
    rows, columns = grid_shape(n_units)
    row, column = np.divmod(np.arange(n_units), columns)
    if rows == columns:
        return Aggregation(row * (columns // 2) + column // 2, n_units // 2)
    return Aggregation((row // 2) * columns + column, n_units // 2)


def grid_shuffled(n_units: int, level: int, rng: np.random.Generator) -> Operator:
    """``grid`` with the rows of the finest P permuted: the same connectivity, no locality.

    One permutation suffices: composed with it, the aggregates of every coarser level are
    scattered over the layer at random, too.
    """
    regular = grid(n_units, level, rng)
    if level > 0 or not isinstance(regular, Aggregation):
        return regular
    return Aggregation(regular.labels[rng.permutation(n_units)], regular.n_coarse)


def random(n_units: int, level: int, rng: np.random.Generator) -> Operator:  # noqa: ARG001 - a Strategy
    """A random orthonormal P, uniform (Haar) on the Stiefel manifold."""
    Q, R = np.linalg.qr(rng.standard_normal((n_units, n_units // 2)))
    return Dense(Q * np.sign(np.diag(R)))


def injection(n_units: int, level: int, rng: np.random.Generator) -> Operator:  # noqa: ARG001 - a Strategy
    """Every second unit; the others get nothing from the coarser level."""
    units = np.arange(n_units)
    return Aggregation(units // 2, n_units // 2, weights=units % 2 == 0)


def diffuse(n_units: int, level: int, rng: np.random.Generator) -> Operator:  # noqa: ARG001 - a Strategy
    """Units half a circle apart in pairs: zero diffusion cost (Corollary SM1.2), no locality."""
    return Aggregation(np.arange(n_units) % (n_units // 2), n_units // 2)


def optimized(n_units: int, level: int, rng: np.random.Generator) -> Operator:  # noqa: ARG001 - a Strategy
    """The most local (s = 1) of all translation-invariant maps of cycles, β profiled."""
    return Dense(_most_local(n_units // 2))


def product(n_units: int, level: int, rng: np.random.Generator) -> Operator:  # noqa: ARG001 - a Strategy
    """Box product on the layer's grid: ``optimized`` along the axis that is halved, I across it."""
    rows, columns = grid_shape(n_units)
    if rows == columns:
        return Kronecker(Identity(rows), Dense(_most_local(columns // 2)))
    return Kronecker(Dense(_most_local(rows // 2)), Identity(columns))


def _most_local(n_coarse: int) -> FloatArray:
    """P, shape (2n, n); below three coarse units, where there is no circle, pairs of neighbours."""
    if n_coarse < 3:
        return closed_forms.pair(n_coarse)
    return optimize_circulant("cycle", n_coarse, s=1).matrix()


STRATEGIES: dict[str, Strategy] = {
    "path": path,
    "grid": grid,
    "grid_shuffled": grid_shuffled,
    "random": random,
    "injection": injection,
    "diffuse": diffuse,
    "optimized": optimized,
    "product": product,
}


def build_operators(
    layers: Sequence[int],
    L: int,
    strategy: str,
    seed: int = 0,
    graphs: Mapping[int, nx.Graph] | None = None,
    kept: Sequence[int] = (),
) -> OperatorSet:
    """Operators of a hierarchy of depth L over ``layers`` (units per layer, powers of two).

    Every level halves every layer; a layer of one unit stays as it is, and so does any whose number
    is in ``kept`` (a classifier's output): its P is the identity. ``seed`` matters to the random
    strategies only, and a level's operator does not depend on L. Strategy "learned_graph"
    aggregates the layers that ``graphs`` has a graph for (by layer number, one vertex a unit) along
    its heaviest edges, the others as "path". Raises OperatorError for an unknown strategy, a layer
    size that is no power of two (at L > 0), an L beyond the level where the largest layer has one
    unit, or graphs that do not fit.
    """
    _check(layers, L, strategy, graphs, kept)
    graphs = dict(graphs or {})
    build = STRATEGIES.get(strategy, path)
    built: dict[tuple[int, int], Operator] = {}
    for size in {size for layer, size in enumerate(layers) if layer not in kept}:
        for level in range(L):
            n_units = max(size >> level, 1)
            rng = np.random.default_rng([seed, size, level])
            built[size, level] = build(n_units, level, rng) if n_units > 1 else Identity(1)
    chains = [
        () if layer in kept else tuple(built[size, level] for level in range(L))
        for layer, size in enumerate(layers)
    ]
    for layer, graph in graphs.items():
        chains[layer] = graph_aggregations(graph, L)
    for layer in kept:
        chains[layer] = (Identity(layers[layer]),) * L
    digest = graphs_digest(graphs)
    return OperatorSet(tuple(layers), strategy, seed, tuple(chains), digest, tuple(sorted(kept)))


def _check(
    layers: Sequence[int],
    L: int,
    strategy: str,
    graphs: Mapping[int, nx.Graph] | None,
    kept: Sequence[int],
) -> None:
    if strategy not in (*STRATEGIES, LEARNED):
        allowed = ", ".join((*STRATEGIES, LEARNED))
        raise OperatorError(f"strategy: got {strategy!r}; allowed: {allowed}")
    if not layers or min(layers) < 1:
        raise OperatorError(
            f"layers: got {list(layers)}; allowed: one size of at least 1 per layer"
        )
    if any(not 0 <= layer < len(layers) for layer in kept) or len(set(kept)) == len(layers):
        raise OperatorError(
            f"kept: got layers {list(kept)} of {list(layers)}; "
            f"allowed: some, not all, of 0 to {len(layers) - 1}"
        )
    coarsened = [size for layer, size in enumerate(layers) if layer not in kept]
    odd = [size for size in coarsened if size & (size - 1)]
    if L > 0 and odd:
        raise OperatorError(f"layers: got sizes {odd}; allowed at L > 0: powers of two")
    deepest = max(coarsened).bit_length() - 1
    if not 0 <= L <= deepest:
        raise OperatorError(f"L: got {L}; allowed for layers {list(layers)}: 0 to {deepest}")
    if (strategy == LEARNED) != bool(graphs):
        given = f"graphs for layers {sorted(graphs)}" if graphs else "no graphs"
        raise OperatorError(
            f"graphs: got {given} with strategy {strategy}; allowed: at least one with {LEARNED}, "
            "none with others"
        )
    for layer, graph in (graphs or {}).items():
        if not 0 <= layer < len(layers) or len(graph) != layers[layer]:
            raise OperatorError(
                f"graphs: got {len(graph)} vertices for layer {layer} of {list(layers)}; "
                "allowed: a vertex for each unit of the layer"
            )
