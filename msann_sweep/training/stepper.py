"""One smoothing step at a level: the paper's exact coarse step, or a Galerkin one.

Both keep Θ (eq. 3.6) composed: the parts θ⁽ˡ⁾ are never needed apart from their sum.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor

from msann_sweep.operators import OperatorSet
from msann_sweep.training.network import Network, new_parameters, parameter_views
from msann_sweep.training.optimizer import Optimizer
from msann_sweep.training.transfer import FoldTransfer, transfer_to_finest


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
    ) -> None:
        self.sizes = operators.sizes
        self.theta = theta
        self.optimizers = optimizers
        self.finest = Network(self.sizes[0], self.sizes[0], theta, batch_size)
        self.level = 0

    @abstractmethod
    def move_to(self, level: int) -> None:
        """Go to ``level``; further steps smooth there."""

    @abstractmethod
    def resolution(self) -> int:
        """Pixels per example that :meth:`step` wants at the present level."""

    @abstractmethod
    def step(self, inputs: Tensor, targets: Tensor) -> None:
        """One smoothing step on a batch of aggregate means, shape (B, resolution())."""

    @abstractmethod
    def composed(self) -> Tensor:
        """Θ with everything trained so far, flat; looking at it changes nothing."""


class ExactStepper(Stepper):
    """Algorithm 3.1: full-resolution forward and backward pass, gradient restricted by eq. 3.13.

    The factors are restricted, not the gradient: dE/dV = (h P_in)ᵀ (δ P_out).
    """

    def __init__(
        self,
        operators: OperatorSet,
        theta: Tensor,
        optimizers: Sequence[Optimizer],
        batch_size: int,
    ) -> None:
        super().__init__(operators, theta, optimizers, batch_size)
        levels = range(1, operators.L + 1)
        self.gradients = [new_parameters(sizes, theta) for sizes in self.sizes]
        self.transfers = {level: transfer_to_finest(operators, level, theta) for level in levels}
        self.restricted = {
            level: [theta.new_empty(2, batch_size, n) for n in self.sizes[level]]
            for level in levels
        }

    def move_to(self, level: int) -> None:
        self.level = level

    def resolution(self) -> int:
        return self.sizes[0][0]

    def step(self, inputs: Tensor, targets: Tensor) -> None:
        self.finest.propagate(inputs, targets)
        gradient = self.gradients[self.level]
        views = list(zip(*parameter_views(gradient, self.sizes[self.level]), strict=True))
        if self.level == 0:
            self.finest.gradient(inputs, views)
        else:
            self._restricted_gradient(inputs, views)
        self.optimizers[self.level].step(gradient)
        if self.level == 0:
            self.theta.add_(gradient)
        else:
            self.transfers[self.level].add_prolonged(self.theta, gradient)

    def _restricted_gradient(self, inputs: Tensor, views: Sequence[tuple[Tensor, Tensor]]) -> None:
        transfer, buffers = self.transfers[self.level], self.restricted[self.level]
        for j, (dV, dc) in enumerate(views):
            h = inputs if j == 0 else self.finest.units[j - 1]
            h_coarse = transfer.restrict_units(h, j, out=buffers[j][0])
            delta = transfer.restrict_units(self.finest.deltas[j], j + 1, out=buffers[j + 1][1])
            dV.addmm_(h_coarse.T, delta, beta=0)
            dc.copy_(delta.sum(dim=0))

    def composed(self) -> Tensor:
        return self.theta


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
    ) -> None:
        super().__init__(operators, theta, optimizers, batch_size)
        coarse = [
            Network(sizes, self.sizes[0], new_parameters(sizes, theta), batch_size)
            for sizes in self.sizes[1:]
        ]
        self.networks = [self.finest, *coarse]
        self.gradients = [new_parameters(sizes, theta) for sizes in self.sizes]
        self.on_arrival = [new_parameters(sizes, theta) for sizes in self.sizes]
        self.transfers = [
            FoldTransfer(fine, coarse)
            for fine, coarse in zip(self.sizes[:-1], self.sizes[1:], strict=True)
        ]

    def move_to(self, level: int) -> None:
        while self.level < level:
            self._descend()
        while self.level > level:
            self._ascend()

    def _descend(self) -> None:
        fine, coarse = self.networks[self.level : self.level + 2]
        self.transfers[self.level].restrict(fine.parameters, coarse.parameters)
        self.level += 1
        self.on_arrival[self.level].copy_(coarse.parameters)

    def _ascend(self) -> None:
        fine, coarse = self.networks[self.level - 1 : self.level + 1]
        correction = self.on_arrival[self.level]
        correction.sub_(coarse.parameters).neg_()
        self.level -= 1
        self.transfers[self.level].add_prolonged(fine.parameters, correction)

    def resolution(self) -> int:
        return self.sizes[self.level][0]

    def step(self, inputs: Tensor, targets: Tensor) -> None:
        network, gradient = self.networks[self.level], self.gradients[self.level]
        network.propagate(inputs, targets)
        views = list(zip(*parameter_views(gradient, network.sizes), strict=True))
        network.gradient(inputs, views)
        self.optimizers[self.level].step(gradient)
        network.parameters.add_(gradient)

    def composed(self) -> Tensor:
        parameters = self.networks[self.level].parameters
        for level in range(self.level, 0, -1):
            correction = parameters - self.on_arrival[level]
            parameters = self.networks[level - 1].parameters.clone()
            self.transfers[level - 1].add_prolonged(parameters, correction)
        return parameters


STEPPERS: dict[str, type[Stepper]] = {"exact": ExactStepper, "galerkin": GalerkinStepper}
