"""One smoothing step at a level: the paper's exact coarse step, or a Galerkin one.

Both keep Θ (eq. 3.6) composed: the parts θ⁽ˡ⁾ are never needed apart from their sum.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from msann_sweep.operators import OperatorSet
from msann_sweep.training.exact_level import ExactLevel, exact_level
from msann_sweep.training.groups import Group
from msann_sweep.training.network import (
    SIGMOID_MSE,
    Form,
    GradientView,
    Layer,
    Network,
    new_parameters,
    parameter_views,
)
from msann_sweep.training.optimizer import Optimizer
from msann_sweep.training.transfer import FoldTransfer, Transfer, transfer_to_finest

Plan = list[tuple[Group, Tensor, list[GradientView]]]


class Stepper(ABC):
    """Trains ``theta`` (flat, level 0) by steps at the level it was last moved to.

    ``optimizers[l]`` holds the state of level l.
    """

    def __init__(
        self,
        operators: OperatorSet,
        theta: Tensor,
        optimizers: Sequence[Optimizer],
        batch_size: int,
        form: Form = SIGMOID_MSE,
    ) -> None:
        self.sizes = operators.sizes
        self.theta = theta
        self.optimizers = optimizers
        largest = max(group.size for each in optimizers for group in each.groups)
        self.buffer = theta.new_empty(largest)
        self.finest = Network(self.sizes[0], self.sizes[0], theta, batch_size, form)
        self.plans = [self._plan(self.finest, optimizers[0])]
        self.level = 0

    def _plan(self, network: Network, optimizer: Optimizer) -> Plan:
        """How :meth:`_update` goes through a network's parameters: a gradient per group."""
        gradients = ((group, self.buffer[: group.size]) for group in optimizer.groups)
        return [(group, out, network.gradient_views(group, out)) for group, out in gradients]

    def _update(self, network: Network, level: int, inputs: Tensor) -> None:
        """Train a level's network on the batch last propagated to it."""
        for group, gradient, views in self.plans[level]:
            network.write_gradient(inputs, views)
            self.optimizers[level].step(gradient, group, network.parameters)

    @abstractmethod
    def move_to(self, level: int) -> None:
        """Go to ``level``; further steps smooth there."""

    def trained_levels(self) -> Sequence[int]:
        """The levels that one :meth:`step` trains."""
        return (self.level,)

    @abstractmethod
    def resolution(self) -> int:
        """Pixels per example that :meth:`step` wants at the present level."""

    def step(self, inputs: Tensor, targets: Tensor) -> None:
        """One smoothing step on a batch of aggregate means, shape (B, resolution())."""
        self.begin_step()
        self.smooth(inputs, targets)

    def begin_step(self) -> None:
        """Count the step in the optimisers of the levels that it trains."""
        for level in self.trained_levels():
            self.optimizers[level].begin_step()

    @abstractmethod
    def smooth(self, inputs: Tensor, targets: Tensor) -> None:
        """The rest of :meth:`step`: at one level the same operations on the same tensors."""

    @abstractmethod
    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of the present level on a batch as for :meth:`step`; trains nothing."""

    @abstractmethod
    def composed_layers(self) -> Iterator[Layer]:
        """Θ with everything trained so far, layer by layer; looking at it changes nothing."""

    def composed(self) -> Tensor:
        """A copy of Θ with everything trained so far, flat."""
        return torch.cat([part.flatten() for layer in self.composed_layers() for part in layer])

    def state_dict(self) -> dict[str, Any]:
        """All that further steps depend on; tensors are not copied."""
        return {
            "level": self.level,
            "theta": self.theta,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on as the stepper went whose state this is."""
        self.level = state["level"]
        self.theta.copy_(state["theta"])
        for optimizer, slots in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(slots)


class ExactStepper(Stepper):
    """Algorithm 3.1: full-resolution forward and backward pass, gradient restricted by eq. 3.13."""

    def __init__(
        self,
        operators: OperatorSet,
        theta: Tensor,
        optimizers: Sequence[Optimizer],
        batch_size: int,
        form: Form = SIGMOID_MSE,
    ) -> None:
        super().__init__(operators, theta, optimizers, batch_size, form)
        self.coarse = [
            self._coarse_level(transfer_to_finest(operators, level, theta), optimizers[level])
            for level in range(1, operators.L + 1)
        ]

    def _coarse_level(self, transfer: Transfer, optimizer: Optimizer) -> ExactLevel:
        return exact_level(self.finest, transfer, optimizer)

    def _here(self) -> ExactLevel | None:
        """The coarse level that is visited, None at level 0."""
        return self.coarse[self.level - 1] if self.level else None

    def move_to(self, level: int) -> None:
        here = self._here()
        if here and level != self.level:
            here.leave()
        self.level = level

    def resolution(self) -> int:
        return self.sizes[0][0]

    def smooth(self, inputs: Tensor, targets: Tensor) -> None:
        here = self._here()
        if here:
            here.smooth(inputs, targets)
            return
        self.finest.propagate(inputs, targets)
        self._update(self.finest, 0, inputs)

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        here = self._here()
        return (here.network if here else self.finest).loss(inputs, targets)

    def composed_layers(self) -> Iterator[Layer]:
        here = self._here()
        return here.composed_layers() if here else self.finest.layers()

    def state_dict(self) -> dict[str, Any]:
        here = self._here()
        return {**super().state_dict(), "visit": here.state_dict() if here else {}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        here, visit = self._here(), state.get("visit")
        if here and visit:
            here.load_state_dict(visit)


class SimultaneousStepper(ExactStepper):
    """Section 4.4's control: a step at level 0 trains every level, all on the same batch."""

    def _coarse_level(self, transfer: Transfer, optimizer: Optimizer) -> ExactLevel:
        return ExactLevel(self.finest, transfer, optimizer)

    def trained_levels(self) -> Sequence[int]:
        return range(len(self.sizes))

    def smooth(self, inputs: Tensor, targets: Tensor) -> None:
        self.finest.propagate(inputs, targets)
        for coarse in self.coarse:
            coarse.find_update(inputs)
        self._update(self.finest, 0, inputs)
        for coarse in self.coarse:
            coarse.prolongation.add()


class GalerkinStepper(Stepper):
    """A network of the coarse size on restricted data, corrected back by prolongation.

    On the way down the weights are restricted, V⁽ˡ⁺¹⁾ = Res ∘ V⁽ˡ⁾; on the way up the change made
    below is prolonged, V⁽ˡ⁾ += Pro ∘ ΔV⁽ˡ⁺¹⁾. For functions constant over aggregates this trains
    the fine network itself; otherwise it ignores what varies within them. Aggregations only.
    """

    def __init__(
        self,
        operators: OperatorSet,
        theta: Tensor,
        optimizers: Sequence[Optimizer],
        batch_size: int,
        form: Form = SIGMOID_MSE,
    ) -> None:
        super().__init__(operators, theta, optimizers, batch_size, form)
        coarse = [
            Network(sizes, self.sizes[0], new_parameters(sizes, theta), batch_size, form)
            for sizes in self.sizes[1:]
        ]
        self.networks = [self.finest, *coarse]
        self.plans += list(map(self._plan, coarse, optimizers[1:]))
        self.on_arrival = [new_parameters(sizes, theta) for sizes in self.sizes[1:]]
        """By level from 1 on, its parameters when it was last come down to."""
        self.transfers = [
            FoldTransfer(fine, coarse)
            for fine, coarse in zip(self.sizes[:-1], self.sizes[1:], strict=True)
        ]
        parameters = [network.parameters for network in self.networks]
        self.restrictions = [
            transfer.restriction(*parameters[level : level + 2])
            for level, transfer in enumerate(self.transfers)
        ]
        self.prolongations = [
            transfer.prolongation(parameters[level], self.on_arrival[level])
            for level, transfer in enumerate(self.transfers)
        ]

    def move_to(self, level: int) -> None:
        while self.level < level:
            self._descend()
        while self.level > level:
            self._ascend()

    def _descend(self) -> None:
        self.restrictions[self.level].apply()
        self.level += 1
        self.on_arrival[self.level - 1].copy_(self.networks[self.level].parameters)

    def _ascend(self) -> None:
        trained = self.networks[self.level].parameters
        self.level -= 1
        correction = self.on_arrival[self.level]
        torch.sub(trained, correction, out=correction)
        self.prolongations[self.level].add()

    def resolution(self) -> int:
        return self.sizes[self.level][0]

    def smooth(self, inputs: Tensor, targets: Tensor) -> None:
        network = self.networks[self.level]
        network.propagate(inputs, targets)
        self._update(network, self.level, inputs)

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        return self.networks[self.level].loss(inputs, targets)

    def state_dict(self) -> dict[str, Any]:
        visited = self.networks[1 : self.level + 1]
        return {
            **super().state_dict(),
            "coarse": [network.parameters for network in visited],
            "on_arrival": self.on_arrival[: self.level],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        for level in range(1, self.level + 1):
            self.networks[level].parameters.copy_(state["coarse"][level - 1])
            self.on_arrival[level - 1].copy_(state["on_arrival"][level - 1])

    def composed_layers(self) -> Iterator[Layer]:
        return map(self._composed_layer, range(len(self.finest.weights)))

    def _composed_layer(self, j: int) -> Layer:
        network = self.networks[self.level]
        W, b = network.weights[j], network.biases[j]
        for level in range(self.level, 0, -1):
            weights, biases = parameter_views(self.on_arrival[level - 1], self.sizes[level])
            change = W - weights[j], b - biases[j]
            del W  # large, and not needed while the next is made
            network = self.networks[level - 1]
            W, b = network.weights[j].clone(), network.biases[j].clone()
            self.transfers[level - 1].add_prolonged_layer((W, b), change, j)
        return W, b


STEPPERS: dict[str, type[Stepper]] = {"exact": ExactStepper, "galerkin": GalerkinStepper}
