"""Eigenvalue matching (eq. 3.2), and the prolongation map it stands for (Section 5.1)."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt

from msann_sweep.errors import OperatorError
from msann_sweep.operators.graphs import laplacian
from msann_sweep.operators.operator import FloatArray, IntArray

# Costs that differ by less, relative to the largest squared eigenvalue, count as equal.
TIE = 1e-12


def eigenvalue_matching(A1: npt.ArrayLike, A2: npt.ArrayLike) -> FloatArray:
    """The minimal eigenvalue matching m*(A₁, A₂), shape (n₂, n₁), entries 0 and 1.

    Rows and columns stand for eigenvalues in ascending order. Of several minimal matchings it is
    the first in the lexicographic order of occupied indices (i, j), as in the paper. Raises
    OperatorError for matrices that are not symmetric and finite, or n₁ > n₂.
    """
    coarse, fine = (np.linalg.eigvalsh(_symmetric(A, name)) for A, name in ((A1, "A1"), (A2, "A2")))
    return _as_matrix(_match(coarse, fine), len(fine))


def matching_prolongation(g1: nx.Graph, g2: nx.Graph) -> FloatArray:
    """P = U₂ M U₁ᵀ, shape (n₂, n₁): the matching of the Laplacians' spectra in graph space.

    Where each eigenvalue of L₁ is one of L₂ at least as often (paths and cycles of n and 2n
    vertices: Theorem SM1.1, Corollary SM1.2) its diffusion term at α = 1 is zero.
    """
    (values1, U1), (values2, U2) = (np.linalg.eigh(laplacian(graph)) for graph in (g1, g2))
    return _oriented(U2)[:, _match(values1, values2)] @ _oriented(U1).T


def _match(coarse: npt.NDArray[Any], fine: npt.NDArray[Any]) -> IntArray:
    """For each coarse eigenvalue the fine one matched to it; both ascending.

    For convex costs on a line a minimal matching can be had without crossings, and undoing a
    crossing makes it lexicographically smaller. So the first minimal matching is increasing: of
    the table ``rest[j, i]``, the least cost of matching coarse j, j + 1, … to fine i, i + 1, …, it
    takes for each j the first i that keeps to the least cost.
    """
    n1, n2 = len(coarse), len(fine)
    if n1 > n2:
        raise OperatorError(f"matching: got n1 = {n1} and n2 = {n2}; allowed: n1 <= n2")
    cost = (coarse[:, None] - fine[None, :]) ** 2
    with_match = np.full((n1, n2), np.inf)
    rest = np.zeros((n1 + 1, n2 + 1))
    rest[:n1, n2] = np.inf
    for j in range(n1 - 1, -1, -1):
        with_match[j] = cost[j] + rest[j + 1, 1:]
        rest[j, :n2] = np.minimum.accumulate(with_match[j, ::-1])[::-1]
    tolerance = TIE * max(float(np.abs(fine).max()), float(np.abs(coarse).max())) ** 2
    matched = np.empty(n1, dtype=np.int32)
    first = 0
    for j in range(n1):
        admissible = with_match[j, first:] <= rest[j, first] + tolerance
        matched[j] = first + int(admissible.argmax())
        first = int(matched[j]) + 1
    return matched


def _as_matrix(matched: IntArray, n_fine: int) -> FloatArray:
    M = np.zeros((n_fine, len(matched)))
    M[matched, np.arange(len(matched))] = 1.0
    return M


def _oriented(U: FloatArray) -> FloatArray:
    """Eigenvectors with their largest entry positive, so that signs do not depend on LAPACK."""
    largest = np.abs(np.round(U, 8)).argmax(axis=0)
    oriented: FloatArray = U * np.where(U[largest, np.arange(U.shape[1])] < 0, -1.0, 1.0)
    return oriented


def _symmetric(A: npt.ArrayLike, name: str) -> FloatArray:
    A = np.asarray(A, dtype=np.float64)
    if A.ndim != 2 or A.shape[0] != A.shape[1] or not A.size:
        raise OperatorError(f"{name}: got shape {A.shape}; allowed: a square matrix")
    if not np.isfinite(A).all():
        raise OperatorError(f"{name}: got entries that are not finite; allowed: none")
    asymmetry = float(np.abs(A - A.T).max())
    if asymmetry > 1e-10 * max(1.0, float(np.abs(A).max())):
        raise OperatorError(f"{name}: got |A - Aᵀ| up to {asymmetry:.3g}; allowed: symmetric")
    return A
