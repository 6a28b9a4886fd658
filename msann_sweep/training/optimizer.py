"""Optimisers that turn a gradient into an update in place, without allocating.

One instance serves one level: its state has the shape of that level's parameters. ``step``
overwrites the gradient by the update to *add* to the parameters, because at a coarse level that
update still has to be prolonged before it reaches Θ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class Optimizer(ABC):
    """State and rule of one level; ``n_parameters`` and the tensor options give its slots."""

    def __init__(self, n_parameters: int, learning_rate: float, like: Tensor) -> None:
        self.learning_rate = learning_rate
        self.scratch = like.new_empty(n_parameters)

    @abstractmethod
    def step(self, gradient: Tensor) -> None:
        """Replace ``gradient``, shape (n_parameters,), by the update."""


class TF1RMSProp(Optimizer):
    """TensorFlow 1's RMSProp, the paper's: decay 0.9, ε = 1e-10 inside the root, slot starts at 1.

    update = −η g / √(v + ε) with v ← 0.9 v + 0.1 g². The slot's start makes the first steps tiny.
    """

    def __init__(self, n_parameters: int, learning_rate: float, like: Tensor) -> None:
        super().__init__(n_parameters, learning_rate, like)
        self.mean_square = like.new_ones(n_parameters)

    def step(self, gradient: Tensor) -> None:
        self.mean_square.mul_(0.9).addcmul_(gradient, gradient, value=0.1)
        torch.add(self.mean_square, 1e-10, out=self.scratch).rsqrt_()
        gradient.mul_(self.scratch).mul_(-self.learning_rate)


class RMSProp(Optimizer):
    """torch's RMSProp with its defaults: α = 0.99, ε = 1e-8 outside the root, slot starts at 0."""

    def __init__(self, n_parameters: int, learning_rate: float, like: Tensor) -> None:
        super().__init__(n_parameters, learning_rate, like)
        self.mean_square = like.new_zeros(n_parameters)

    def step(self, gradient: Tensor) -> None:
        self.mean_square.mul_(0.99).addcmul_(gradient, gradient, value=0.01)
        torch.sqrt(self.mean_square, out=self.scratch).add_(1e-8)
        gradient.div_(self.scratch).mul_(-self.learning_rate)


class Adam(Optimizer):
    """torch's Adam with its defaults: β = (0.9, 0.999), ε = 1e-8."""

    def __init__(self, n_parameters: int, learning_rate: float, like: Tensor) -> None:
        super().__init__(n_parameters, learning_rate, like)
        self.mean = like.new_zeros(n_parameters)
        self.mean_square = like.new_zeros(n_parameters)
        self.steps = 0

    def step(self, gradient: Tensor) -> None:
        self.steps += 1
        self.mean.lerp_(gradient, 0.1)
        self.mean_square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        correction = (1 - 0.999**self.steps) ** 0.5
        torch.sqrt(self.mean_square, out=self.scratch).div_(correction).add_(1e-8)
        torch.div(self.mean, self.scratch, out=gradient)
        gradient.mul_(-self.learning_rate / (1 - 0.9**self.steps))


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "tf1_rmsprop": TF1RMSProp,
    "rmsprop": RMSProp,
    "adam": Adam,
}
