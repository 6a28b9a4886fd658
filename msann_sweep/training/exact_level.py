"""Exact steps at one coarse level: how Θ takes part in what is trained there.

The factors are restricted, not the gradient: dE/dV = (h P_in)ᵀ (δ P_out), eq. 3.13.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from msann_sweep.training.network import Layer, Network, new_parameters, parameter_views
from msann_sweep.training.optimizer import Optimizer
from msann_sweep.training.prolongation_work import waiting_pays
from msann_sweep.training.transfer import MappedTransfer, Transfer


class ExactLevel:
    """Every update is prolonged at once: ``network`` is the finest one, with Θ."""

    def __init__(self, finest: Network, transfer: Transfer, optimizer: Optimizer) -> None:
        self.network = finest
        self.transfer = transfer
        self.optimizer = optimizer
        self.update = new_parameters(transfer.coarse_sizes, finest.parameters)
        self.update_layers = layers_of(self.update, transfer)
        self.prolongation = transfer.prolongation(finest.parameters, self.update)
        self.units, self.deltas = coarse_values(finest, transfer), coarse_values(finest, transfer)

    def smooth(self, inputs: Tensor, targets: Tensor) -> None:
        """One step, less its count in the optimiser, on a batch of shape (B, n)."""
        self.network.propagate(inputs, targets)
        self.find_update(inputs)
        self.prolongation.add()

    def find_update(self, inputs: Tensor) -> None:
        """Put the update for the batch last propagated into ``update``."""
        self._gather(inputs)
        self._restrict_gradient()
        for group in self.optimizer.groups:
            self.optimizer.step(self.update[group.where], group)

    def leave(self) -> None:
        """Bring Θ up to date with what was trained here."""

    def composed_layers(self) -> Iterator[Layer]:
        """Θ with what was trained here."""
        return self.network.layers()

    def state_dict(self) -> dict[str, Any]:
        """What further steps here depend on, beside Θ and the optimiser."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on as the level went whose state this is."""

    def _gather(self, inputs: Tensor) -> None:
        for j in range(len(self.update_layers)):
            h = inputs if j == 0 else self.network.units[j - 1]
            self.transfer.gather_units(h, j, out=self.units[j])
            self.transfer.gather_units(self.network.deltas[j], j + 1, out=self.deltas[j + 1])

    def _restrict_gradient(self) -> None:
        scales = self.transfer.unit_scales
        for j, (dV, dc) in enumerate(self.update_layers):
            delta, scale_out = self.deltas[j + 1], scales[j + 1]
            dV.addmm_(self.units[j].T, delta, beta=0, alpha=scales[j] * scale_out)
            torch.sum(delta, dim=0, out=dc).mul_(scale_out)


class WaitingLevel(ExactLevel):
    """The updates' sum ΔV waits until the level is left, and is prolonged once.

    Until then a batch passes both summands of W + P_in ΔV P_outᵀ. For a P whose products with
    weights are dearer than those with the values of a batch.
    """

    network: WaitingNetwork
    transfer: MappedTransfer

    def __init__(self, finest: Network, transfer: MappedTransfer, optimizer: Optimizer) -> None:
        super().__init__(finest, transfer, optimizer)
        self.network = WaitingNetwork(finest, transfer, self.units, self.deltas)
        self.prolongation = transfer.prolongation(finest.parameters, self.network.change)

    def smooth(self, inputs: Tensor, targets: Tensor) -> None:
        self.network.propagate(inputs, targets)
        self.transfer.gather_units(self.network.deltas[0], 1, out=self.deltas[1])
        self._restrict_gradient()
        for group in self.optimizer.groups:
            self.optimizer.step(self.update[group.where], group, self.network.change)
        self.network.changed = True

    def leave(self) -> None:
        if self.network.changed:
            self.prolongation.add()
            self.network.change.zero_()
            self.network.changed = False

    def composed_layers(self) -> Iterator[Layer]:
        for j, (W, b) in enumerate(self.network.layers()):
            composed = W.clone(), b.clone()
            self.transfer.add_prolonged_layer(composed, self.network.change_layers[j], j)
            yield composed

    def state_dict(self) -> dict[str, Any]:
        return {"change": self.network.change, "changed": self.network.changed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.network.change.copy_(state["change"])
        self.network.changed = state["changed"]


class WaitingNetwork(Network):
    """The finest network with weights W + P_in ΔV P_outᵀ, in factors.

    ``change`` is ΔV, flat, of the coarse sizes. A batch leaves its restricted values in ``coarse``
    and ``coarse_deltas``, (B, n) by layer, which the gradient needs in any case.
    """

    def __init__(
        self,
        finest: Network,
        transfer: MappedTransfer,
        coarse: list[Tensor],
        coarse_deltas: list[Tensor],
    ) -> None:
        sizes = finest.sizes
        super().__init__(sizes, sizes, finest.parameters, finest.batch_size, finest.form)
        self.units, self.deltas = finest.units, finest.deltas
        self.transfer = transfer
        self.coarse, self.coarse_deltas = coarse, coarse_deltas
        self.change = new_parameters(transfer.coarse_sizes, finest.parameters)
        self.change_layers = layers_of(self.change, transfer)
        self.changed = False
        self.passing = coarse_values(finest, transfer)

    def pass_on(self, j: int, u: Tensor) -> Tensor:
        z = super().pass_on(j, u)
        coarse = self.transfer.gather_units(u, j, out=self.coarse[j])
        if self.changed:
            V, c = self.change_layers[j]
            through = torch.addmm(c, coarse, V, out=self.passing[j + 1])
            self.transfer.maps[j + 1].add_columns(z, through)
        return z

    def pass_back(self, j: int) -> Tensor:
        delta = super().pass_back(j)
        coarse = self.transfer.gather_units(self.deltas[j], j + 1, out=self.coarse_deltas[j + 1])
        if self.changed:
            V, _ = self.change_layers[j]
            through = torch.mm(coarse, V.T, out=self.passing[j])
            self.transfer.maps[j].add_columns(delta, through)
        return delta


def layers_of(coarse: Tensor, transfer: Transfer) -> list[Layer]:
    """Weights and biases of a coarse level, views of its flat parameters."""
    return list(zip(*parameter_views(coarse, transfer.coarse_sizes), strict=True))


def coarse_values(finest: Network, transfer: Transfer) -> list[Tensor]:
    """Room for the values of a batch at a coarse level, (B, n) by layer."""
    return [finest.parameters.new_empty(finest.batch_size, n) for n in transfer.coarse_sizes]


def exact_level(finest: Network, transfer: Transfer, optimizer: Optimizer) -> ExactLevel:
    """The kind of level whose steps are the shorter ones.

    On a GPU updates are prolonged at once: its steps are recorded, and the first of a visit would
    be another one.
    """
    on_cpu = finest.parameters.device.type == "cpu"
    if on_cpu and isinstance(transfer, MappedTransfer):
        prolong = [each.multiplications for each in transfer.maps]
        sizes = transfer.fine_sizes, transfer.coarse_sizes
        if waiting_pays(*sizes, prolong, finest.batch_size):
            return WaitingLevel(finest, transfer, optimizer)
    return ExactLevel(finest, transfer, optimizer)
