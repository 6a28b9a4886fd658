"""Graph lineages: families of growing graphs G_0, G_1, …, each twice as large as the one before.

Level l of each kind has as many vertices as stated here. G_0 is one vertex with a self-loop.
"""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx

from msann_sweep.errors import OperatorError
from msann_sweep.operators.graphs import box_product


def grid_graph(rows: int, columns: int, periodic: bool = False) -> nx.Graph:
    """Box product of two paths, or of two cycles; vertex (i, j) is number i · columns + j."""
    line = nx.cycle_graph if periodic else nx.path_graph
    return box_product(line(rows), line(columns))


def _hypercube(level: int) -> nx.Graph:
    cube = nx.path_graph(1)
    for _ in range(level):
        cube = nx.convert_node_labels_to_integers(box_product(cube, nx.path_graph(2)))
    return cube


KINDS: dict[str, Callable[[int], nx.Graph]] = {
    "path": lambda level: nx.path_graph(2**level),
    "cycle": lambda level: nx.cycle_graph(2**level),
    "grid": lambda level: grid_graph(2**level, 2**level),
    "periodic_grid": lambda level: grid_graph(2**level, 2**level, periodic=True),
    "complete": lambda level: nx.complete_graph(2**level),
    "binary_tree": lambda level: nx.balanced_tree(2, level),
    "hypercube": _hypercube,
}


def lineage(kind: str | tuple[str, ...], levels: int) -> list[nx.Graph]:
    """Graphs G_0 to G_levels of a kind, or of the level-wise box product of several kinds.

    At level l: path, cycle, complete and hypercube have 2^l vertices, grid and periodic_grid
    2^l × 2^l, binary_tree 2^(l+1) − 1. The cycle of two vertices is a single edge.
    Raises OperatorError for an unknown kind or a negative number of levels.
    """
    kinds = (kind,) if isinstance(kind, str) else kind
    unknown = [name for name in kinds if name not in KINDS]
    if unknown or not kinds:
        raise OperatorError(f"lineage kind: got {kind!r}; allowed: {', '.join(KINDS)}, or a tuple")
    if levels < 0:
        raise OperatorError(f"lineage levels: got {levels}; allowed: at least 0")
    return [_member(kinds, level) for level in range(levels + 1)]


def _member(kinds: tuple[str, ...], level: int) -> nx.Graph:
    graph = KINDS[kinds[0]](level)
    for name in kinds[1:]:
        graph = box_product(graph, KINDS[name](level))
    if level == 0:
        (vertex,) = graph
        graph.add_edge(vertex, vertex, weight=1.0)
    return graph
