"""Graphs as networkx graphs, and the matrices that describe a process on them.

Vertices are numbered in the graph's own order of iteration. Weighted edges carry the attribute
``weight``; the Manhattan distance counts edges and ignores it.
"""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

from msann_sweep.errors import OperatorError
from msann_sweep.operators.operator import FloatArray


def adjacency(graph: nx.Graph) -> sparse.csr_array:
    """The weighted adjacency matrix A(G), sparse, shape (n, n).

    Raises OperatorError for what is no undirected simple graph with at least one vertex and finite
    weights of at least 0.
    """
    if not isinstance(graph, nx.Graph):
        raise OperatorError(f"graph: got {type(graph).__name__}; allowed: networkx.Graph")
    if graph.is_directed() or graph.is_multigraph():
        raise OperatorError(
            f"graph: got {type(graph).__name__}; allowed: undirected, without parallel edges"
        )
    if len(graph) == 0:
        raise OperatorError("graph: got 0 vertices; allowed: at least 1")
    A = nx.to_scipy_sparse_array(graph, weight="weight", dtype=np.float64, format="csr")
    wrong = A.data[~(np.isfinite(A.data) & (A.data >= 0))]
    if wrong.size:
        raise OperatorError(f"graph: got an edge of weight {wrong[0]:g}; allowed: finite, >= 0")
    return A


def laplacian(graph: nx.Graph) -> FloatArray:
    """The Laplacian in the paper's sign, L = A − D, dense, shape (n, n); self-loops cancel.

    Raises OperatorError as :func:`adjacency`.
    """
    L: FloatArray = sparse_laplacian(graph).toarray()
    return L


def sparse_laplacian(graph: nx.Graph) -> sparse.csr_array:
    """As :func:`laplacian`, sparse."""
    A = adjacency(graph)
    return sparse.csr_array(A - sparse.diags_array(A.sum(axis=1)))


def manhattan_distance(graph: nx.Graph) -> FloatArray:
    """Edges on the shortest path between every two vertices, T of eq. 3.3, shape (n, n).

    Raises OperatorError, naming two vertices that no path joins, for a disconnected graph, and as
    :func:`adjacency`.
    """
    T: FloatArray = csgraph.shortest_path(adjacency(graph), directed=False, unweighted=True)
    if not np.isfinite(T).all():
        u, v = np.argwhere(~np.isfinite(T))[0]
        vertices = list(graph)
        raise OperatorError(
            f"graph of {len(graph)} vertices: no path joins vertices {vertices[u]!r} and "
            f"{vertices[v]!r}; allowed where distances count (s > 0): a connected graph"
        )
    return T


def box_product(first: nx.Graph, second: nx.Graph) -> nx.Graph:
    """G₁ □ G₂ by eq. 3.1: A(G₁) ⊗ I + I ⊗ A(G₂); vertices are pairs, the second index fastest."""
    A1, A2 = adjacency(first), adjacency(second)
    A = sparse.kron(A1, sparse.eye_array(len(second))) + sparse.kron(
        sparse.eye_array(len(first)), A2
    )
    return _graph_of_pairs(A, first, second)


def cross_product(first: nx.Graph, second: nx.Graph) -> nx.Graph:
    """G₁ × G₂: A(G₁) ⊗ A(G₂); vertices are pairs, the second index fastest."""
    return _graph_of_pairs(sparse.kron(adjacency(first), adjacency(second)), first, second)


def _graph_of_pairs(A: Any, first: nx.Graph, second: nx.Graph) -> nx.Graph:
    pairs = [(u, v) for u in first for v in second]
    A = sparse.csr_array(A)
    A.eliminate_zeros()
    graph = nx.from_scipy_sparse_array(A)
    return nx.relabel_nodes(graph, dict(enumerate(pairs)))


def orthonormality_error(P: npt.ArrayLike) -> float:
    """Largest entry of |PᵀP − I|."""
    P = np.asarray(P, dtype=np.float64)
    return float(np.abs(P.T @ P - np.eye(P.shape[1])).max())
