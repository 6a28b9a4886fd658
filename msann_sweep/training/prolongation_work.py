"""Multiplications of bringing a coarse change to the finest weights, at once or batch by batch.

Sizes are those of all layers at level 0 and at the coarse level; ``prolong`` are the
multiplications of P with one vector, by layer, see ``layer_maps``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

# To read an entry of W, add to it and write it takes the time of so many multiplications.
PER_ENTRY = 16


Pair = tuple[int, int]


def rows_first(fine: Pair, coarse: Pair, prolong: Pair) -> int:
    """Of ``(P_in V) P_outᵀ``, for sizes (in, out)."""
    return prolong[0] * coarse[1] + prolong[1] * fine[0]


def columns_first(fine: Pair, coarse: Pair, prolong: Pair) -> int:
    """Of ``P_in (V P_outᵀ)``, for sizes (in, out)."""
    return prolong[1] * coarse[0] + prolong[0] * fine[1]


def at_once(fine: Sequence[int], coarse: Sequence[int], prolong: Sequence[int]) -> int:
    """Of ``W += P_in V P_outᵀ`` and ``b += P_out c`` for all layers."""
    layers = zip(pairwise(fine), pairwise(coarse), pairwise(prolong), strict=True)
    return sum(min(rows_first(*layer), columns_first(*layer)) + layer[2][1] for layer in layers)


def by_batches(coarse: Sequence[int], prolong: Sequence[int], batch_size: int) -> int:
    """Of sending a batch through (h P_in) V P_outᵀ of all layers, and back but for the first."""
    change = [n_in * n_out for n_in, n_out in pairwise(coarse)]
    forwards, backwards = sum(change) + sum(prolong[1:]), sum(change[1:]) + sum(prolong[1:-1])
    return batch_size * (forwards + backwards)


def waiting_pays(
    fine: Sequence[int], coarse: Sequence[int], prolong: Sequence[int], batch_size: int
) -> bool:
    """Whether a step is shorter when its change waits than when it is prolonged at once."""
    entries = sum(n_in * n_out for n_in, n_out in pairwise(fine))
    once = at_once(fine, coarse, prolong) + PER_ENTRY * entries
    return by_batches(coarse, prolong, batch_size) < once
