"""Prolongation and restriction of parameters and layer values between two levels, in torch.

Equations 3.4 and 3.5 on flat parameter tensors. Layers are kept in folded order (see
``OperatorSet.folded_order``), where an aggregation is a reshape; for others see ``layer_maps``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from msann_sweep.operators import OperatorSet
from msann_sweep.training.layer_maps import DenseMap, LayerMap, as_tensor, layer_map
from msann_sweep.training.network import Layer, parameter_views
from msann_sweep.training.prolongation_work import columns_first, rows_first

# Rows of few units are added faster when repeated first: at L = 6 in a quarter of the time.
REPEATED_FROM = 8

Addition = Callable[[], object]


class Transfer(ABC):
    """Maps between a finer and a coarser level with the given layer sizes."""

    def __init__(self, fine_sizes: Sequence[int], coarse_sizes: Sequence[int]) -> None:
        self.fine_sizes = tuple(fine_sizes)
        self.coarse_sizes = tuple(coarse_sizes)
        self.unit_scales = [1.0] * len(self.coarse_sizes)
        """By layer, what :meth:`gather_units` leaves out of Pᵀ, for a product to take along."""

    def add_prolonged(self, fine: Tensor, coarse: Tensor) -> None:
        """``fine += Pro ∘ coarse``, both flat parameter tensors."""
        self.prolongation(fine, coarse).add()

    def prolongation(self, fine: Tensor, coarse: Tensor) -> Prolongation:
        """:meth:`add_prolonged` of these two tensors, to be done again and again."""
        W, b = parameter_views(fine, self.fine_sizes)
        V, c = parameter_views(coarse, self.coarse_sizes)
        additions = [
            addition
            for j in range(len(W))
            for addition in self._additions((W[j], b[j]), (V[j], c[j]), j)
        ]
        return Prolongation(additions)

    def add_prolonged_layer(self, fine: Layer, coarse: Layer, j: int) -> None:
        """As :meth:`add_prolonged`, for weight matrix and bias j alone."""
        for addition in self._additions(fine, coarse, j):
            addition()

    @abstractmethod
    def _additions(self, fine: Layer, coarse: Layer, j: int) -> tuple[Addition, Addition]:
        """``W += P_in V P_outᵀ`` and ``b += P_out c`` of layer j, each ready to be called."""

    @abstractmethod
    def gather_units(self, values: Tensor, layer: int, out: Tensor) -> Tensor:
        """Pᵀ of a layer's values over its unit scale: (B, n_fine) into ``out``, (B, n_coarse)."""


class Restriction:
    """``coarse = Res ∘ fine`` of aggregations, for tensors whose views are made once.

    ``parts`` are a coarse tensor, the blocks of the fine one that it is the sum of, and a scale:
    one sum over both dimensions of a weight matrix would take forty times as long.
    """

    def __init__(self, parts: Sequence[tuple[Tensor, Sequence[Tensor], float]]) -> None:
        self.parts = parts

    def apply(self) -> None:
        """Do it."""
        for coarse, (first, *others), scale in self.parts:
            torch.mul(first, scale, out=coarse)
            for block in others:
                coarse.add_(block, alpha=scale)


class Prolongation:
    """``fine += Pro ∘ coarse`` for tensors whose views are made once, one addition a view."""

    def __init__(self, additions: Sequence[Addition]) -> None:
        self.additions = additions

    def add(self) -> None:
        """Do it."""
        for addition in self.additions:
            addition()


class FoldTransfer(Transfer):
    """Aggregations in folded order: the aggregate of position p is ``p % n_coarse``."""

    def __init__(self, fine_sizes: Sequence[int], coarse_sizes: Sequence[int]) -> None:
        super().__init__(fine_sizes, coarse_sizes)
        pairs = zip(fine_sizes, coarse_sizes, strict=True)
        self.aggregate_sizes = [fine // coarse for fine, coarse in pairs]
        self.unit_scales = [size**-0.5 for size in self.aggregate_sizes]

    def restriction(self, fine: Tensor, coarse: Tensor) -> Restriction:
        """``coarse = Res ∘ fine`` of these two flat parameter tensors, to be done at will."""
        W, b = parameter_views(fine, self.fine_sizes)
        V, c = parameter_views(coarse, self.coarse_sizes)
        parts: list[tuple[Tensor, list[Tensor], float]] = []
        for j in range(len(W)):
            s_in, s_out = self.aggregate_sizes[j : j + 2]
            folded = self._folded(W[j], j)
            blocks = [folded[row, :, column] for row in range(s_in) for column in range(s_out)]
            parts.append((V[j], blocks, self._scale(j)))
            parts.append((c[j], list(b[j].view(s_out, -1)), s_out**-0.5))
        return Restriction(parts)

    def gather_units(self, values: Tensor, layer: int, out: Tensor) -> Tensor:
        n = self.coarse_sizes[layer]
        if self.aggregate_sizes[layer] == 2:
            # Twice as fast as the sum below, at the largest of all coarse levels.
            return torch.add(values[:, :n], values[:, n:], out=out)
        return torch.sum(values.view(values.shape[0], -1, n), dim=1, out=out)

    def _folded(self, W: Tensor, j: int) -> Tensor:
        n_in, n_out = self.coarse_sizes[j : j + 2]
        s_in, s_out = self.aggregate_sizes[j : j + 2]
        return W.view(s_in, n_in, s_out, n_out)

    def _scale(self, j: int) -> float:
        s_in, s_out = self.aggregate_sizes[j : j + 2]
        return float((s_in * s_out) ** -0.5)

    def _additions(self, fine: Layer, coarse: Layer, j: int) -> tuple[Addition, Addition]:
        (W, b), (V, c) = fine, coarse
        s_in, s_out = self.aggregate_sizes[j : j + 2]
        add_bias = partial(b.view(s_out, -1).add_, c, alpha=s_out**-0.5)
        if s_out < REPEATED_FROM:
            return partial(self._folded(W, j).add_, V.unsqueeze(1), alpha=self._scale(j)), add_bias
        return partial(_add_repeated, W.view(s_in, -1), V, s_out, self._scale(j)), add_bias


def _add_repeated(W: Tensor, V: Tensor, repeats: int, scale: float) -> None:
    """Add V's rows, each so often, as one long row to every one of W's."""
    W.add_(V.repeat(1, repeats).flatten(), alpha=scale)


class MappedTransfer(Transfer):
    """Any operators: one map per layer."""

    def __init__(self, maps: Sequence[LayerMap]) -> None:
        super().__init__([each.n_fine for each in maps], [each.n_coarse for each in maps])
        self.maps = tuple(maps)

    def gather_units(self, values: Tensor, layer: int, out: Tensor) -> Tensor:
        return self.maps[layer].gather(values, out)

    def _additions(self, fine: Layer, coarse: Layer, j: int) -> tuple[Addition, Addition]:
        (W, b), (V, c) = fine, coarse
        add_bias = partial(self.maps[j + 1].add_columns, b.unsqueeze(0), c.unsqueeze(0))
        return partial(self._add_weight, W, V, j), add_bias

    def _add_weight(self, W: Tensor, V: Tensor, j: int) -> None:
        into, out_of = self.maps[j : j + 2]
        fine, coarse = (into.n_fine, out_of.n_fine), (into.n_coarse, out_of.n_coarse)
        prolong = into.multiplications, out_of.multiplications
        if rows_first(fine, coarse, prolong) <= columns_first(fine, coarse, prolong):
            out_of.add_columns(W, into.rows(V))
        else:
            into.add_rows(W, out_of.columns(V))


def transfer_to_finest(operators: OperatorSet, level: int, like: Tensor) -> Transfer:
    """The composed transfer between level 0 and ``level``, each layer in its own cheapest form."""
    if operators.folds:
        return FoldTransfer(operators.sizes[0], operators.sizes[level])
    return MappedTransfer(
        [_map_to_finest(operators, layer, level, like) for layer in range(len(operators.layers))]
    )


def _map_to_finest(operators: OperatorSet, layer: int, level: int, like: Tensor) -> LayerMap:
    """A layer's map; its dense matrix is the one made ahead, uncopied, where ``like`` allows it."""
    ready = operators.composed.get((layer, level))
    if ready is not None and like.dtype == torch.float32:
        return DenseMap(as_tensor(ready, like))
    return layer_map(operators.to_finest(layer, level), like)
