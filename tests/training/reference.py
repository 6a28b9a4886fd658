"""A slow reference: θ⁽ˡ⁾ kept apart, Θ composed by dense matrices, gradients by autograd.

Works in the natural order of units, with P from ``Operator.matrix()`` alone.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from msann_sweep.operators import OperatorSet
from msann_sweep.training.network import parameter_views


class Reference:
    """Equations 3.6 to 3.8, one ``torch.optim.Optimizer`` a level, in float64."""

    def __init__(self, operators: OperatorSet, theta: Tensor, rates: list[float]) -> None:
        self.P = [
            [
                torch.from_numpy(operators.to_finest(layer, level).matrix())
                for layer in range(len(operators.layers))
            ]
            for level in range(operators.L + 1)
        ]
        weights, biases = parameter_views(theta, operators.layers)
        self.theta = [[(W.clone(), b.clone()) for W, b in zip(weights, biases, strict=True)]]
        for sizes in operators.sizes[1:]:
            pairs = itertools.pairwise(sizes)
            self.theta.append(
                [(theta.new_zeros(n_in, n_out), theta.new_zeros(n_out)) for n_in, n_out in pairs]
            )
        for level in self.theta:
            for pair in level:
                for tensor in pair:
                    tensor.requires_grad_()
        self.optimizers = [
            torch.optim.RMSprop([tensor for pair in level for tensor in pair], lr=rate)
            for level, rate in zip(self.theta, rates, strict=True)
        ]

    def composed(self) -> list[tuple[Tensor, Tensor]]:
        """Θ as (weight, bias) pairs."""
        composed = []
        for j in range(len(self.theta[0])):
            W = sum(
                P[j] @ level[j][0] @ P[j + 1].T for P, level in zip(self.P, self.theta, strict=True)
            )
            b = sum(P[j + 1] @ level[j][1] for P, level in zip(self.P, self.theta, strict=True))
            composed.append((W, b))
        return composed

    def step(self, level: int, inputs: Tensor, targets: Tensor) -> None:
        """One step of θ⁽ˡᵉᵛᵉˡ⁾ at full resolution."""
        self._backward(inputs, targets)
        self.optimizers[level].step()

    def step_all(self, inputs: Tensor, targets: Tensor) -> None:
        """One step of every θ⁽ˡ⁾, all by the gradient of the same loss."""
        self._backward(inputs, targets)
        for optimizer in self.optimizers:
            optimizer.step()

    def _backward(self, inputs: Tensor, targets: Tensor) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        h = inputs
        for W, b in self.composed():
            h = torch.sigmoid(h @ W + b)
        torch.nn.functional.mse_loss(h, targets).backward()
