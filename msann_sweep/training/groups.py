"""Flat parameters in pieces of bounded size.

A gradient need never exist as a whole: group by group it is computed, turned into an update and
added, so that large networks need no memory for it. Those of the paper's size are one group.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

# Smaller groups pay more calls than they save memory.
MOST_ENTRIES = 1 << 20


@dataclass(frozen=True)
class Piece:
    """Rows of a layer's weight matrix, or with ``rows`` None its bias; ``where`` in a group."""

    layer: int
    rows: slice | None
    where: slice


@dataclass(frozen=True)
class Group:
    """A range ``where`` of the flat parameters, and the pieces that fill it."""

    where: slice
    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """Entries in all."""
        return int(self.where.stop - self.where.start)


def parameter_groups(sizes: Sequence[int], whole_layers: bool = False) -> list[Group]:
    """Groups of at most about MOST_ENTRIES entries each, or of one whole layer each."""
    groups: list[Group] = []
    pieces: list[Piece] = []
    begin = end = 0

    def close() -> None:
        nonlocal begin
        if pieces:
            groups.append(Group(slice(begin, end), tuple(pieces)))
            pieces.clear()
        begin = end

    for layer, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        step = n_in if whole_layers else max(1, MOST_ENTRIES // n_out)
        starts = range(0, n_in, step)
        blocks: list[slice | None] = [slice(start, min(start + step, n_in)) for start in starts]
        for rows in (*blocks, None):
            size = n_out if rows is None else (rows.stop - rows.start) * n_out
            if rows is not None and end - begin + size > MOST_ENTRIES and not whole_layers:
                close()
            pieces.append(Piece(layer, rows, slice(end - begin, end - begin + size)))
            end += size
        if whole_layers:
            close()
    close()
    return groups
