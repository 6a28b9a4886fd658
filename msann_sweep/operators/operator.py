"""Prolongation operators P between two levels: PᵀP = I, shape (n_fine, n_coarse).

Equations 3.4 and 3.5 of the paper need only ``restrict`` (Pᵀ) and ``prolong`` (P); how P is stored
is each class's own matter, and an aggregation is never stored as a dense matrix.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np
import numpy.typing as npt

from msann_sweep.errors import OperatorError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]


class Operator(ABC):
    """A prolongation map P with orthonormal columns, shape (n_fine, n_coarse)."""

    def __init__(self, n_fine: int, n_coarse: int) -> None:
        self.n_fine = n_fine
        self.n_coarse = n_coarse

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n_fine={self.n_fine}, n_coarse={self.n_coarse})"

    @abstractmethod
    def restrict(self, X: npt.ArrayLike) -> FloatArray:
        """Pᵀ on the last axis: (..., n_fine) to (..., n_coarse)."""

    @abstractmethod
    def prolong(self, X: npt.ArrayLike) -> FloatArray:
        """P on the last axis: (..., n_coarse) to (..., n_fine)."""

    @property
    @abstractmethod
    def size_bytes(self) -> int:
        """Bytes that the stored form takes."""

    def matrix(self) -> FloatArray:
        """P as a dense array, shape (n_fine, n_coarse)."""
        return self.prolong(np.eye(self.n_coarse)).T

    def __matmul__(self, coarser: Operator) -> Operator:
        """The composed prolongation ``P_self · P_coarser`` of eq. 3.7.

        Raises OperatorError when the sizes do not chain.
        """
        if self.n_coarse != coarser.n_fine:
            raise OperatorError(
                f"composition of operators: the first has {self.n_coarse} coarse units and the "
                f"second {coarser.n_fine} fine units; the two must be equal"
            )
        if isinstance(self, Identity):
            return coarser
        if isinstance(coarser, Identity):
            return self
        if isinstance(self, Aggregation) and isinstance(coarser, Aggregation):
            return Aggregation(
                coarser.labels[self.labels],
                coarser.n_coarse,
                weights=self.weights * coarser.weights[self.labels],
            )
        return Dense(self.prolong(coarser.matrix().T).T)

    def _checked(self, X: npt.ArrayLike, n_units: int) -> FloatArray:
        array = np.asarray(X, dtype=np.float64)
        if array.ndim == 0 or array.shape[-1] != n_units:
            raise OperatorError(
                f"{self!r}: got an array of shape {array.shape}; "
                f"its last axis must have {n_units} entries"
            )
        return array


class Identity(Operator):
    """P = I: a layer that is not coarsened any further."""

    def __init__(self, n_units: int) -> None:
        super().__init__(n_units, n_units)

    def restrict(self, X: npt.ArrayLike) -> FloatArray:
        return self._checked(X, self.n_fine)

    def prolong(self, X: npt.ArrayLike) -> FloatArray:
        return self._checked(X, self.n_fine)

    @property
    def size_bytes(self) -> int:
        return 0


class Aggregation(Operator):
    """Each fine unit belongs to one aggregate: P[i, labels[i]] = weights[i], zero elsewhere.

    ``labels`` has shape (n_fine,) with values in [0, n_coarse); ``weights`` has shape (n_fine,) and
    unit Euclidean norm over every aggregate. Without weights each entry is 1/√(aggregate size).
    Raises OperatorError for labels out of range, an empty aggregate or weights of another norm.
    """

    def __init__(
        self, labels: npt.ArrayLike, n_coarse: int, weights: npt.ArrayLike | None = None
    ) -> None:
        self.labels: IntArray = np.asarray(labels, dtype=np.int32)
        super().__init__(len(self.labels), n_coarse)
        if self.labels.min() < 0 or self.labels.max() >= n_coarse:
            raise OperatorError(
                f"{self!r}: labels run from {self.labels.min()} to {self.labels.max()}; "
                f"allowed: 0 to {n_coarse - 1}"
            )
        self.sizes: IntArray = np.bincount(self.labels, minlength=n_coarse).astype(np.int32)
        if not self.sizes.all():
            raise OperatorError(f"{self!r}: aggregate {int(self.sizes.argmin())} has no units")
        if weights is None:
            weights = 1.0 / np.sqrt(self.sizes[self.labels])
        self.weights: FloatArray = np.asarray(weights, dtype=np.float64)
        norms = np.bincount(self.labels, self.weights**2, minlength=n_coarse)
        if not np.allclose(norms, 1.0):
            raise OperatorError(
                f"{self!r}: the squared weights of aggregate {int(np.abs(norms - 1).argmax())} "
                f"add up to {norms[np.abs(norms - 1).argmax()]:g}; they must add up to 1"
            )

    @property
    def uniform_size(self) -> int | None:
        """Units in each aggregate where all have equally many and equal weights, else None."""
        size = int(self.sizes[0])
        if (self.sizes == size).all() and np.allclose(self.weights, size**-0.5):
            return size
        return None

    @cached_property
    def members(self) -> IntArray:
        """Fine units sorted by aggregate, shape (n_fine,), in ascending order within each."""
        return np.argsort(self.labels, kind="stable").astype(np.int32)

    def restrict(self, X: npt.ArrayLike) -> FloatArray:
        weighted = self._checked(X, self.n_fine) * self.weights
        starts = np.concatenate(([0], np.cumsum(self.sizes)[:-1]))
        return np.add.reduceat(weighted[..., self.members], starts, axis=-1)

    def prolong(self, X: npt.ArrayLike) -> FloatArray:
        return self._checked(X, self.n_coarse)[..., self.labels] * self.weights

    @property
    def size_bytes(self) -> int:
        return self.labels.nbytes + self.sizes.nbytes + self.weights.nbytes


class Dense(Operator):
    """P stored as a full matrix, shape (n_fine, n_coarse).

    Raises OperatorError when the columns are not orthonormal to 1e-8.
    """

    def __init__(self, P: npt.ArrayLike) -> None:
        self.P: FloatArray = np.asarray(P, dtype=np.float64)
        super().__init__(*self.P.shape)
        deviation = np.abs(self.P.T @ self.P - np.eye(self.n_coarse)).max()
        if not deviation <= 1e-8:
            raise OperatorError(
                f"{self!r}: PᵀP differs from the identity by {deviation:.3g}; allowed: 1e-8"
            )

    def restrict(self, X: npt.ArrayLike) -> FloatArray:
        return self._checked(X, self.n_fine) @ self.P

    def prolong(self, X: npt.ArrayLike) -> FloatArray:
        return self._checked(X, self.n_coarse) @ self.P.T

    def matrix(self) -> FloatArray:
        return self.P

    @property
    def size_bytes(self) -> int:
        return self.P.nbytes
