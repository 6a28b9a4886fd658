"""Prolongation from the correlations of the data, "structure that is similar to" theirs.

The paper leaves this to future work. The graph joins each pixel to those it is most correlated
with; pairs of units are then aggregated along the heaviest edges, level by level.
"""

from __future__ import annotations

import networkx as nx
import numpy as np
import numpy.typing as npt
from scipy import sparse

from msann_sweep.errors import OperatorError
from msann_sweep.operators.graphs import adjacency
from msann_sweep.operators.operator import Aggregation, FloatArray, Identity, IntArray, Operator

LEARNED = "learned_graph"


def correlation_graph(samples: npt.ArrayLike, neighbours: int = 8) -> nx.Graph:
    """The k-nearest-neighbour graph of correlations, one vertex a column of ``samples``.

    ``samples`` has shape (N, n). Each unit is joined to the ``neighbours`` others with the largest
    absolute correlation, which is the edge's weight. Units that never vary get no edge. Raises
    OperatorError for fewer than two samples, fewer than one neighbour, or values not finite.
    """
    X = np.asarray(samples, dtype=np.float64)
    if X.ndim != 2 or len(X) < 2 or neighbours < 1 or not np.isfinite(X).all():
        raise OperatorError(
            f"samples: got shape {X.shape} and {neighbours} neighbours; allowed: (N, n) with N at "
            "least 2, finite, and at least 1 neighbour"
        )
    centred = X - X.mean(axis=0)
    norm = np.linalg.norm(centred, axis=0)
    unit = np.divide(centred, norm, out=np.zeros_like(centred), where=norm > 1e-12)
    weight = np.abs(unit.T @ unit)
    np.fill_diagonal(weight, 0.0)
    n = len(weight)
    nearest = np.argsort(-weight, axis=1, kind="stable")[:, : min(neighbours, n - 1)]
    rows = np.repeat(np.arange(n), nearest.shape[1])
    A = sparse.coo_array((weight[rows, nearest.ravel()], (rows, nearest.ravel())), shape=(n, n))
    A = A.tocsr()
    joined = A.maximum(A.T)
    joined.eliminate_zeros()
    return nx.from_scipy_sparse_array(joined)


def graph_aggregations(graph: nx.Graph, L: int) -> tuple[Operator, ...]:
    """L operators, each halving the units by :func:`heavy_edge_pairs` on the level's graph.

    The next level's edges are sums over aggregates, QᵀAQ. A level of one unit stays as it is.
    """
    A = adjacency(graph)
    chain: list[Operator] = []
    for _ in range(L):
        n = A.shape[0]
        if n == 1:
            chain.append(Identity(1))
            continue
        labels = heavy_edge_pairs(A)
        chain.append(Aggregation(labels, n // 2))
        Q = sparse.csr_array((np.ones(n), (np.arange(n), labels)), shape=(n, n // 2))
        A = sparse.csr_array(Q.T @ A @ Q)
    return tuple(chain)


def heavy_edge_pairs(A: sparse.csr_array) -> IntArray:
    """Labels, shape (n,), of aggregates of exactly two units, for an even n.

    Greedy: edges in descending order of weight relative to both ends' total, which keeps a unit
    from being taken by a neighbour that has better ones; what is left over is paired in order.
    """
    n = A.shape[0]
    labels = np.full(n, -1, dtype=np.int32)
    upper = sparse.triu(A, k=1).tocoo()
    strength: FloatArray = np.asarray(A.sum(axis=1)).ravel()
    relative = upper.data / np.sqrt(strength[upper.row] * strength[upper.col])
    count = 0
    for edge in np.argsort(-relative, kind="stable"):
        u, v = upper.row[edge], upper.col[edge]
        if labels[u] < 0 and labels[v] < 0:
            labels[u] = labels[v] = count
            count += 1
    left = np.flatnonzero(labels < 0)
    labels[left] = count + np.arange(len(left)) // 2
    return labels
