"""The objective of a prolongation map between two graphs (eq. 3.3), with derivatives by hand.

Both terms have the form E(P; c) = ‖P X₁/√c − √c X₂ P‖² with symmetric X (the Laplacians and c = α,
or the distances and c = β). With a = ‖P X₁‖, b = ‖X₂ P‖ and m = ⟨P X₁, X₂ P⟩ it expands to

    E(P; c) = a²/c − 2m + c b².

Setting dE/dc = −a²/c² + b² to zero gives the best scale c* = a/b and the profiled term
E*(P) = 2(ab − m), which is at least 0 by Cauchy's inequality. As dE/dc = 0 at c*, the gradient of
E* is that of E(P; c) with c = c* held fixed:

    ∇E = 2(P X₁²/c − 2 X₂ P X₁ + c X₂² P).

Its derivative along V has, beside ∇E with V in the place of P, a part from the moving scale,
2(−P X₁²/c² + X₂² P) ċ with ċ = ȧ/b − a ḃ/b², ȧ = ⟨P X₁², V⟩/a and ḃ = ⟨X₂² P, V⟩/b.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
from scipy import sparse

from msann_sweep.errors import OperatorError
from msann_sweep.operators.graphs import manhattan_distance, sparse_laplacian
from msann_sweep.operators.operator import FloatArray

# Below this share of non-zeros a sparse product is faster than a dense one.
SPARSE_DENSITY = 0.1


@dataclass(frozen=True)
class ObjectiveValue:
    """Both terms of eq. 3.3, their weighted sum, and the scales they were taken at."""

    diffusion: float
    locality: float
    total: float
    alpha: float
    beta: float


class Term:
    """E(P; c) = ‖P X₁/√c − √c X₂ P‖² for symmetric X₁ (n₁, n₁), X₂ (n₂, n₂); c None: profiled.

    The products at the last P are kept: do not change a P in place between calls.
    """

    def __init__(self, X1: Any, X2: Any, scale: float | None) -> None:
        self.X1, self.X2, self.scale = _fastest(X1), _fastest(X2), scale
        self._last: tuple[FloatArray, tuple[FloatArray, FloatArray, FloatArray]] | None = None

    def value(self, P: Any) -> tuple[float, float]:
        """E and the scale it is taken at; P may be sparse."""
        left, right = P @ self.X1, self.X2 @ P
        a2, b2, m = _inner(left, left), _inner(right, right), _inner(left, right)
        if self.scale is not None:
            return max(a2 / self.scale - 2 * m + self.scale * b2, 0.0), self.scale
        # At a = 0 or b = 0 the infimum 0 is approached as the scale tends to 0 or infinity.
        scale = math.sqrt(a2 / b2) if b2 > 0 else (math.inf if a2 > 0 else 1.0)
        return max(2 * (math.sqrt(a2 * b2) - m), 0.0), scale

    def gradient(self, P: FloatArray) -> FloatArray:
        """∇E at P, shape (n₂, n₁)."""
        left, mixed, right = self._products(P)
        c = self._scale_at(P)
        return 2 * (left / c - 2 * mixed + c * right)

    def hessian(self, P: FloatArray, V: FloatArray) -> FloatArray:
        """The derivative of the gradient at P along V, shape (n₂, n₁)."""
        c = self._scale_at(P)
        left, mixed, right = _products(self.X1, self.X2, V)
        along = 2 * (left / c - 2 * mixed + c * right)
        if self.scale is not None:
            return along
        left, _, right = self._products(P)
        a, b = math.sqrt(_inner(P, left)), math.sqrt(_inner(P, right))
        if a == 0 or b == 0:
            return along
        a_dot, b_dot = _inner(left, V) / a, _inner(right, V) / b
        c_dot = a_dot / b - a * b_dot / b**2
        return along + 2 * c_dot * (right - left / c**2)

    def _scale_at(self, P: FloatArray) -> float:
        if self.scale is not None:
            return self.scale
        left, _, right = self._products(P)
        a2, b2 = _inner(P, left), _inner(P, right)
        return math.sqrt(a2 / b2) if a2 > 0 and b2 > 0 else 1.0

    def _products(self, P: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """P X₁², X₂ P X₁ and X₂² P; those of the last P are kept, as solvers ask again."""
        if self._last is None or self._last[0] is not P:
            self._last = P, _products(self.X1, self.X2, P)
        return self._last[1]


class ProlongationObjective:
    """Eq. 3.3 for P from ``g1`` (coarse, n₁ vertices) to ``g2`` (fine, n₂ ≥ n₁ vertices).

    ``s`` weighs locality against diffusion; ``alpha`` and ``beta`` None are profiled out. Raises
    OperatorError for s outside [0, 1], a scale that is not positive, n₁ > n₂, graphs that
    :func:`adjacency` refuses, and disconnected graphs at s > 0.
    """

    def __init__(
        self,
        g1: nx.Graph,
        g2: nx.Graph,
        *,
        s: float,
        alpha: float | None = None,
        beta: float | None = None,
    ) -> None:
        if not 0 <= s <= 1:
            raise OperatorError(f"s: got {s}; allowed: 0 (diffusion only) to 1 (locality only)")
        for name, scale in (("alpha", alpha), ("beta", beta)):
            if scale is not None and not (0 < scale < math.inf):
                raise OperatorError(f"{name}: got {scale}; allowed: above 0, or None to profile it")
        self.g1, self.g2, self.s, self.beta = g1, g2, s, beta
        self.diffusion = Term(sparse_laplacian(g1), sparse_laplacian(g2), alpha)
        self.shape = len(g2), len(g1)
        if len(g1) > len(g2):
            raise OperatorError(
                f"graphs: got {len(g1)} coarse and {len(g2)} fine vertices; "
                "allowed: no more coarse than fine ones"
            )
        if s > 0:
            _ = self.locality

    @cached_property
    def locality(self) -> Term:
        """The locality term; made at need, as distances take n² numbers."""
        return Term(manhattan_distance(self.g1), manhattan_distance(self.g2), self.beta)

    def evaluate(self, P: Any) -> ObjectiveValue:
        """Both terms at P, shape (n₂, n₁), dense or scipy-sparse.

        Locality is NaN at s = 0 for a sparse P or disconnected graphs: it is not needed then, and
        distances would take n² numbers. Raises OperatorError for a wrong shape or NaN in P.
        """
        P = self.checked(P)
        diffusion, alpha = self.diffusion.value(P)
        locality, beta = math.nan, math.nan
        if self.s > 0 or (not sparse.issparse(P) and self._connected):
            locality, beta = self.locality.value(P)
        total = (1 - self.s) * diffusion + (self.s * locality if self.s > 0 else 0.0)
        return ObjectiveValue(diffusion, locality, total, alpha, beta)

    def value(self, P: FloatArray) -> float:
        """The objective at P, shape (n₂, n₁), unchecked."""
        return sum(weight * term.value(P)[0] for weight, term in self._weighted)

    def gradient(self, P: FloatArray) -> FloatArray:
        """Its Euclidean gradient, shape (n₂, n₁)."""
        return sum(weight * term.gradient(P) for weight, term in self._weighted)  # type: ignore[return-value]  # never empty

    def hessian(self, P: FloatArray, V: FloatArray) -> FloatArray:
        """Derivative of the gradient at P along V, both of shape (n₂, n₁)."""
        return sum(weight * term.hessian(P, V) for weight, term in self._weighted)  # type: ignore[return-value]  # never empty

    def checked(self, P: Any) -> Any:
        """P as floats. Raises OperatorError for a wrong shape or entries that are not finite."""
        P = P.astype(np.float64) if sparse.issparse(P) else np.asarray(P, dtype=np.float64)
        if P.shape != self.shape:
            raise OperatorError(f"P: got shape {P.shape}; allowed: {self.shape} (fine, coarse)")
        entries = P.data if sparse.issparse(P) else P
        wrong = np.count_nonzero(~np.isfinite(entries))
        if wrong:
            raise OperatorError(f"P: got {wrong} entries that are not finite; allowed: none")
        return P

    @cached_property
    def _weighted(self) -> list[tuple[float, Term]]:
        terms = [(1 - self.s, self.diffusion)] if self.s < 1 else []
        return terms + ([(self.s, self.locality)] if self.s > 0 else [])

    @cached_property
    def _connected(self) -> bool:
        return bool(nx.is_connected(self.g1) and nx.is_connected(self.g2))


def objective(
    P: npt.ArrayLike,
    g1: nx.Graph,
    g2: nx.Graph,
    *,
    s: float,
    alpha: float | None = None,
    beta: float | None = None,
) -> ObjectiveValue:
    """Eq. 3.3 at P, shape (n₂, n₁), between ``g1`` (coarse) and ``g2`` (fine).

    ``alpha`` and ``beta`` None take their best values (derivation above). P need not be
    orthonormal. Raises OperatorError as :class:`ProlongationObjective`, and for a wrong shape or
    NaN.
    """
    return ProlongationObjective(g1, g2, s=s, alpha=alpha, beta=beta).evaluate(P)


def _fastest(X: Any) -> Any:
    if sparse.issparse(X) and X.nnz > SPARSE_DENSITY * X.shape[0] ** 2:
        return X.toarray()
    return X


def _products(X1: Any, X2: Any, P: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    fine = X2 @ P
    return (P @ X1) @ X1, fine @ X1, X2 @ fine


def _inner(A: Any, B: Any) -> float:
    if sparse.issparse(A) or sparse.issparse(B):
        return float((A * B).sum())
    return float(np.vdot(A, B))
