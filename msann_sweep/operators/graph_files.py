"""Graphs from files: GraphML, or a weighted edge list."""

from __future__ import annotations

from pathlib import Path

import networkx as nx

from msann_sweep.errors import OperatorError
from msann_sweep.operators.graphs import adjacency


def read_graph(file: Path) -> nx.Graph:
    """The graph in ``file``: GraphML by its name, else a weighted edge list.

    Vertices named by numbers stand for the units in that order (edge lists mix them), others in the
    file's. Raises OperatorError for what cannot be read, or is no undirected simple graph with
    finite weights of at least 0.
    """
    read = nx.read_graphml if file.suffix == ".graphml" else nx.read_weighted_edgelist
    try:
        graph = _in_unit_order(read(file))
    except OSError as error:
        raise OperatorError(f"cannot read {file}: {error.strerror}") from None
    except Exception as error:  # networkx raises whatever its parsers raise
        raise OperatorError(f"{file} is no graph that networkx reads: {error}") from None
    adjacency(graph)
    return graph


def _in_unit_order(graph: nx.Graph) -> nx.Graph:
    if not all(str(vertex).isdigit() for vertex in graph):
        return graph
    ordered = graph.__class__()
    ordered.add_nodes_from(sorted(graph, key=int))
    ordered.add_edges_from(graph.edges(data=True))
    return ordered
