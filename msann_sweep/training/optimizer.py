"""Optimisers that turn a gradient into an update in place, without allocating.

One instance serves one level: its state has the shape of that level's parameters. ``step``
overwrites the gradient by the update to *add* to the parameters, because at a coarse level that
update still has to be prolonged before it reaches Θ.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from msann_sweep.training.cost import parameter_count
from msann_sweep.training.network import parameter_views


class Optimizer(ABC):
    """State and rule of one level; ``n_parameters`` and the tensor options give its slots.

    ``SLOTS`` names the attributes, tensors or whole numbers, that a checkpoint has to keep.
    """

    SLOTS: ClassVar[tuple[str, ...]] = ("mean_square",)

    def __init__(self, n_parameters: int, learning_rate: float, like: Tensor) -> None:
        self.learning_rate = learning_rate
        self.scratch = like.new_empty(n_parameters)

    @abstractmethod
    def step(self, gradient: Tensor) -> None:
        """Replace ``gradient``, shape (n_parameters,), by the update."""

    def state_dict(self) -> dict[str, Any]:
        """The slots by name; tensors are not copied."""
        return {name: getattr(self, name) for name in self.SLOTS}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the slots of an optimiser of the same kind and size."""
        for name in self.SLOTS:
            slot = getattr(self, name)
            if isinstance(slot, Tensor):
                slot.copy_(state[name])
            else:
                setattr(self, name, state[name])


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

    SLOTS = ("mean", "mean_square", "steps")

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


class Muon(Optimizer):
    """Muon as torch has it (momentum 0.95 after Nesterov, five Newton-Schulz iterations).

    A weight matrix moves by η √max(1, n_out / n_in) times the orthogonal factor of its momentum;
    biases, to which that has no meaning, by Adam at η / 10. No weight decay; all in the
    parameters' own precision. ``sizes`` are the level's units per layer.
    """

    SLOTS = ("momentum",)
    MOMENTUM, BIAS_RATE = 0.95, 0.1
    COEFFICIENTS, ITERATIONS = (3.4445, -4.7750, 2.0315), 5

    def __init__(self, sizes: Sequence[int], learning_rate: float, like: Tensor) -> None:
        n_parameters = parameter_count(sizes)
        super().__init__(n_parameters, learning_rate, like)
        self.sizes = tuple(sizes)
        self.momentum = like.new_zeros(n_parameters)
        self.bias_gradient = like.new_empty(sum(sizes[1:]))
        self.bias_adam = Adam(sum(sizes[1:]), self.BIAS_RATE * learning_rate, like)
        smaller = [min(pair) for pair in itertools.pairwise(sizes)]
        self.grams = [like.new_empty(2, n, n) for n in smaller]

    def step(self, gradient: Tensor) -> None:
        weights, biases = parameter_views(gradient, self.sizes)
        torch.cat(biases, out=self.bias_gradient)
        self.bias_adam.step(self.bias_gradient)
        self.momentum.lerp_(gradient, 1 - self.MOMENTUM)
        gradient.lerp_(self.momentum, self.MOMENTUM)
        scratch, _ = parameter_views(self.scratch, self.sizes)
        for W, spare, (gram, update) in zip(weights, scratch, self.grams, strict=True):
            self._orthogonalize(W, spare, gram, update)
            n_in, n_out = W.shape
            W.mul_(-self.learning_rate * max(1, n_out / n_in) ** 0.5)
        torch.split_with_sizes_copy(self.bias_gradient, self.sizes[1:], out=biases)

    def _orthogonalize(self, W: Tensor, spare: Tensor, gram: Tensor, update: Tensor) -> None:
        """Replace W by about U Vᵀ of its singular value decomposition U S Vᵀ, in place."""
        a, b, c = self.COEFFICIENTS
        W.div_(torch.linalg.vector_norm(W).clamp_(min=1e-7))
        X, Y = (W, spare) if W.shape[0] <= W.shape[1] else (W.T, spare.T)
        for _ in range(self.ITERATIONS):
            torch.mm(X, X.T, out=gram)
            torch.addmm(gram, gram, gram, beta=b, alpha=c, out=update)
            torch.addmm(X, update, X, beta=a, out=Y)
            X, Y = Y, X
        # An odd number of iterations ends in the spare matrix.
        W.copy_(spare)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "bias": self.bias_adam.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.bias_adam.load_state_dict(state["bias"])


ELEMENTWISE: dict[str, type[TF1RMSProp | RMSProp | Adam]] = {
    "tf1_rmsprop": TF1RMSProp,
    "rmsprop": RMSProp,
    "adam": Adam,
}


def new_optimizer(name: str, sizes: Sequence[int], learning_rate: float, like: Tensor) -> Optimizer:
    """The optimiser of a level with ``sizes`` units per layer, slots of the kind of ``like``."""
    if name == "muon":
        return Muon(sizes, learning_rate, like)
    return ELEMENTWISE[name](parameter_count(sizes), learning_rate, like)
