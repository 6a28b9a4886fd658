"""Prolongation between box products of graphs (Section 5.2 and SM2)."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import numpy.typing as npt

from msann_sweep.errors import OperatorError
from msann_sweep.operators.graphs import laplacian
from msann_sweep.operators.objective import Term
from msann_sweep.operators.operator import FloatArray, Operator

Pair = tuple[nx.Graph, nx.Graph]


class Kronecker(Operator):
    """P₁ ⊗ P₂ on units numbered row by row: P₁ across the rows, P₂ along them. Never formed."""

    def __init__(self, first: Operator, second: Operator) -> None:
        self.first, self.second = first, second
        super().__init__(first.n_fine * second.n_fine, first.n_coarse * second.n_coarse)

    def restrict(self, X: npt.ArrayLike) -> FloatArray:
        return self._applied(self._checked(X, self.n_fine), self.first.n_fine, "restrict")

    def prolong(self, X: npt.ArrayLike) -> FloatArray:
        return self._applied(self._checked(X, self.n_coarse), self.first.n_coarse, "prolong")

    def __matmul__(self, coarser: Operator) -> Operator:
        """(A ⊗ B)(C ⊗ D) = AC ⊗ BD where the factors' sizes chain, else as for any operator."""
        if (
            isinstance(coarser, Kronecker)
            and self.first.n_coarse == coarser.first.n_fine
            and self.second.n_coarse == coarser.second.n_fine
        ):
            return Kronecker(self.first @ coarser.first, self.second @ coarser.second)
        return super().__matmul__(coarser)

    @property
    def size_bytes(self) -> int:
        return self.first.size_bytes + self.second.size_bytes

    def _applied(self, X: FloatArray, rows: int, how: str) -> FloatArray:
        table = X.reshape(*X.shape[:-1], rows, -1)
        table = getattr(self.second, how)(table)
        table = np.moveaxis(getattr(self.first, how)(np.moveaxis(table, -1, -2)), -1, -2)
        return table.reshape(*X.shape[:-1], -1)


def diffusion_distance(
    P: npt.ArrayLike, graphs: Pair, alpha: float = 1.0, spectral: bool = False
) -> float:
    """D(P) = ‖PL₁/√α − √α L₂P‖ (eq. 5.1) for ``graphs`` = (coarse, fine); P has shape (n₂, n₁).

    ``spectral`` takes the eigenvalues Λ instead of L (eq. 5.2): P is then P̃ = U₂ᵀ P U₁.
    Raises OperatorError for a P of another shape or an α that is not positive.
    """
    P = np.asarray(P, dtype=np.float64)
    shape = len(graphs[1]), len(graphs[0])
    if P.shape != shape:
        raise OperatorError(f"P: got shape {P.shape}; allowed: {shape} (fine, coarse)")
    if not 0 < alpha < math.inf:
        raise OperatorError(f"alpha: got {alpha}; allowed: above 0")
    matrices = [laplacian(graph) for graph in graphs]
    if spectral:
        matrices = [np.diag(np.linalg.eigvalsh(matrix)) for matrix in matrices]
    return math.sqrt(Term(matrices[0], matrices[1], alpha).value(P)[0])


def box_product_bound(
    P1: npt.ArrayLike,
    graphs1: Pair,
    P2: npt.ArrayLike,
    graphs2: Pair,
    *,
    alpha: float = 1.0,
    spectral: bool = False,
) -> float:
    """Theorem 5.1: D(P₁ ⊗ P₂) between the box products is at most √n₂⁽¹⁾ D(P₁) + √n₁⁽¹⁾ D(P₂).

    ``graphs1`` and ``graphs2`` are (coarse, fine) pairs, n₁⁽¹⁾ and n₂⁽¹⁾ their coarse sizes.
    ``spectral`` states Theorem SM2.1, the same for P̃ and eigenvalues. Raises OperatorError as
    :func:`diffusion_distance`.
    """
    first = diffusion_distance(P1, graphs1, alpha, spectral)
    second = diffusion_distance(P2, graphs2, alpha, spectral)
    return math.sqrt(len(graphs2[0])) * first + math.sqrt(len(graphs1[0])) * second


def box_product_exact(
    P1: npt.ArrayLike, graphs1: Pair, P2: npt.ArrayLike, graphs2: Pair, *, alpha: float = 1.0
) -> float:
    """D(P₁ ⊗ P₂) itself, from the factors alone, for orthonormal P₁ and P₂.

    With Rᵢ = PᵢLᵢ⁽¹⁾/√α − √α Lᵢ⁽²⁾Pᵢ the difference is R₁ ⊗ P₂ + P₁ ⊗ R₂, whose squared norm is
    n₂⁽¹⁾‖R₁‖² + n₁⁽¹⁾‖R₂‖² + 2 tr(P₁ᵀR₁) tr(P₂ᵀR₂). Corollary 5.2 follows: where both factors are
    at their optimum, Theorem 5.1 bounds the optimum of the product. Raises as
    :func:`diffusion_distance`.
    """
    d1 = diffusion_distance(P1, graphs1, alpha)
    d2 = diffusion_distance(P2, graphs2, alpha)
    cross = 2 * _drift(P1, graphs1, alpha) * _drift(P2, graphs2, alpha)
    squared = len(graphs2[0]) * d1**2 + len(graphs1[0]) * d2**2 + cross
    return math.sqrt(max(squared, 0.0))


def _drift(P: npt.ArrayLike, graphs: Pair, alpha: float) -> float:
    """tr(PᵀR) = tr L₁/√α − √α tr(PᵀL₂P) for orthonormal P."""
    P = np.asarray(P, dtype=np.float64)
    L1, L2 = (laplacian(graph) for graph in graphs)
    return float(np.trace(L1) / math.sqrt(alpha) - math.sqrt(alpha) * np.vdot(P, L2 @ P))
