"""Strategies that give every layer its prolongation operators (Section 4.4 of the paper).

A strategy is a function ``(n_units, level, rng) -> Operator`` from a layer of ``n_units`` units at
``level`` to the next coarser one, half as large. Layers of equal size share their operators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from msann_sweep.errors import OperatorError
from msann_sweep.operators.operator import Aggregation, Dense, Identity, Operator
from msann_sweep.operators.operator_set import OperatorSet

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


STRATEGIES: dict[str, Strategy] = {
    "path": path,
    "grid": grid,
    "grid_shuffled": grid_shuffled,
    "random": random,
}


def build_operators(layers: Sequence[int], L: int, strategy: str, seed: int = 0) -> OperatorSet:
    """Operators of a hierarchy of depth L over ``layers`` (units per layer, powers of two).

    Every level halves every layer; a layer of one unit stays as it is. ``seed`` matters to the
    random strategies only, and a level's operator does not depend on L.
    Raises OperatorError for an unknown strategy, a layer size that is no power of two (at L > 0),
    or an L beyond the level where the largest layer has one unit.
    """
    if strategy not in STRATEGIES:
        raise OperatorError(f"strategy: got {strategy!r}; allowed: {', '.join(STRATEGIES)}")
    if not layers or min(layers) < 1:
        raise OperatorError(
            f"layers: got {list(layers)}; allowed: one size of at least 1 per layer"
        )
    odd = [size for size in layers if size & (size - 1)]
    if L > 0 and odd:
        raise OperatorError(f"layers: got sizes {odd}; allowed at L > 0: powers of two")
    deepest = max(layers).bit_length() - 1
    if not 0 <= L <= deepest:
        raise OperatorError(f"L: got {L}; allowed for layers {list(layers)}: 0 to {deepest}")
    build = STRATEGIES[strategy]
    built: dict[tuple[int, int], Operator] = {}
    for size in set(layers):
        for level in range(L):
            n_units = max(size >> level, 1)
            rng = np.random.default_rng([seed, size, level])
            built[size, level] = build(n_units, level, rng) if n_units > 1 else Identity(1)
    chains = tuple(tuple(built[size, level] for level in range(L)) for size in layers)
    return OperatorSet(tuple(layers), strategy, seed, chains)
