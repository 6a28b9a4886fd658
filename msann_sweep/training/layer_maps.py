"""How one layer's values and weights pass between two levels, by the form that P is stored in.

``P`` has shape (n_fine, n_coarse). What a form leaves out it does not multiply by: an aggregation
has one entry a row, a Kronecker product only its factors.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from msann_sweep.operators import Aggregation, Identity, Kronecker, Operator


class LayerMap(ABC):
    """P between a layer at level 0 and at a coarser level.

    ``multiplications`` is how many matrix products need to prolong one vector.
    """

    def __init__(self, n_fine: int, n_coarse: int, multiplications: int) -> None:
        self.n_fine = n_fine
        self.n_coarse = n_coarse
        self.multiplications = multiplications

    @abstractmethod
    def gather(self, values: Tensor, out: Tensor) -> Tensor:
        """``values P``: (B, n_fine) into ``out``, (B, n_coarse)."""

    @abstractmethod
    def columns(self, X: Tensor) -> Tensor:
        """``X Pᵀ``, (m, n_fine), of X (m, n_coarse)."""

    @abstractmethod
    def rows(self, X: Tensor) -> Tensor:
        """``P X``, (n_fine, m), of X (n_coarse, m)."""

    def add_columns(self, W: Tensor, X: Tensor) -> None:
        """``W += X Pᵀ`` in place, W (m, n_fine)."""
        W.add_(self.columns(X))

    def add_rows(self, W: Tensor, X: Tensor) -> None:
        """``W += P X`` in place, W (n_fine, m)."""
        W.add_(self.rows(X))


class IdentityMap(LayerMap):
    """A layer that is not coarsened."""

    def __init__(self, n_units: int) -> None:
        super().__init__(n_units, n_units, 0)

    def gather(self, values: Tensor, out: Tensor) -> Tensor:
        return out.copy_(values)

    def columns(self, X: Tensor) -> Tensor:
        return X

    def rows(self, X: Tensor) -> Tensor:
        return X


class DenseMap(LayerMap):
    """P as a full matrix."""

    def __init__(self, P: Tensor) -> None:
        super().__init__(len(P), P.shape[1], P.numel())
        self.P = P

    def gather(self, values: Tensor, out: Tensor) -> Tensor:
        return torch.mm(values, self.P, out=out)

    def columns(self, X: Tensor) -> Tensor:
        return X @ self.P.T

    def rows(self, X: Tensor) -> Tensor:
        return self.P @ X

    def add_columns(self, W: Tensor, X: Tensor) -> None:
        W.addmm_(X, self.P.T)

    def add_rows(self, W: Tensor, X: Tensor) -> None:
        W.addmm_(self.P, X)


class AggregationMap(LayerMap):
    """One entry of P a row, of any weight: ``P[i, labels[i]] = weights[i]``.

    ``members`` (n_coarse, largest aggregate) lists each aggregate's units; where it has fewer, any
    unit stands in the rest, with weight zero.
    """

    def __init__(self, aggregation: Aggregation, like: Tensor) -> None:
        super().__init__(aggregation.n_fine, aggregation.n_coarse, 0)
        members, weights = _padded(aggregation)
        self.labels = torch.from_numpy(aggregation.labels).to(like.device)
        self.weights = torch.from_numpy(aggregation.weights).to(like)
        self.members = torch.from_numpy(members.ravel()).to(like.device)
        self.member_weights = torch.from_numpy(weights).to(like)

    def gather(self, values: Tensor, out: Tensor) -> Tensor:
        gathered = values.index_select(1, self.members).view(-1, *self.member_weights.shape)
        return torch.sum(gathered.mul_(self.member_weights), dim=2, out=out)

    def columns(self, X: Tensor) -> Tensor:
        return X.index_select(1, self.labels).mul_(self.weights)

    def rows(self, X: Tensor) -> Tensor:
        return X.index_select(0, self.labels).mul_(self.weights.unsqueeze(1))


def _padded(aggregation: Aggregation) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Members and their weights, (n_coarse, largest aggregate) each."""
    place = np.arange(int(aggregation.sizes.max()))
    starts = np.cumsum(aggregation.sizes) - aggregation.sizes
    there = place < aggregation.sizes[:, None]
    members = aggregation.members[np.where(there, starts[:, None] + place, 0)]
    return members, np.where(there, aggregation.weights[members], 0.0)


class KroneckerMap(LayerMap):
    """P₁ ⊗ P₂ on units numbered row by row; a factor that is the identity is None."""

    def __init__(self, operator: Kronecker, like: Tensor) -> None:
        first, second = operator.first, operator.second
        self.fine = first.n_fine, second.n_fine
        self.coarse = first.n_coarse, second.n_coarse
        self.first, self.second = (_factor(each, like) for each in (first, second))
        along = 0 if self.second is None else first.n_coarse * self.second.numel()
        across = 0 if self.first is None else second.n_fine * self.first.numel()
        super().__init__(operator.n_fine, operator.n_coarse, along + across)

    def gather(self, values: Tensor, out: Tensor) -> Tensor:
        table = _times(values.reshape(-1, *self.fine), self.second)
        if self.first is not None:
            table = self.first.T @ table
        return out.copy_(table.reshape(out.shape))

    def columns(self, X: Tensor) -> Tensor:
        table = _times(X.reshape(-1, *self.coarse), None if self.second is None else self.second.T)
        if self.first is not None:
            table = self.first @ table
        return table.reshape(-1, self.n_fine)

    def rows(self, X: Tensor) -> Tensor:
        table = X.reshape(*self.coarse, -1)
        if self.second is not None:
            table = self.second @ table
        if self.first is not None:
            table = self.first @ table.reshape(self.coarse[0], -1)
        return table.reshape(self.n_fine, -1)


def _times(table: Tensor, factor: Tensor | None) -> Tensor:
    """``table @ factor`` as one product of two matrices: (m, a, b) to (m, a, c)."""
    if factor is None:
        return table
    return (table.reshape(-1, len(factor)) @ factor).view(*table.shape[:2], -1)


def _factor(operator: Operator, like: Tensor) -> Tensor | None:
    return None if isinstance(operator, Identity) else as_tensor(operator.matrix(), like)


def layer_map(operator: Operator, like: Tensor) -> LayerMap:
    """The map of a composed prolongation, with the options of ``like``."""
    if isinstance(operator, Identity):
        return IdentityMap(operator.n_fine)
    if isinstance(operator, Aggregation):
        return AggregationMap(operator, like)
    if isinstance(operator, Kronecker):
        return KroneckerMap(operator, like)
    return DenseMap(as_tensor(operator.matrix(), like))


def as_tensor(P: NDArray[Any], like: Tensor) -> Tensor:
    """An array as a tensor, uncopied where ``like`` allows it."""
    with warnings.catch_warnings():
        # Memory that processes share is read-only; torch warns of it, and nothing writes there.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(P).to(like)
