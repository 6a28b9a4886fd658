"""Optimisers that turn a gradient into an update in place, without allocating.

One instance serves one level: its state has the shape of that level's parameters, which it is
stepped through group by group. ``step`` adds the update to the parameters, or leaves it where the
gradient was, because at a coarse level it may still have to be prolonged to reach Θ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from msann_sweep.training.cost import parameter_count
from msann_sweep.training.groups import Group, parameter_groups
from msann_sweep.training.network import constant, parameter_views
from msann_sweep.training.newton_schulz import NewtonSchulz

# Gradient, slot and scratch of so many float32 entries are within a core's second-level cache.
ENTRIES_IN_CACHE = 1 << 16


def untouched_zeros(count: int, like: Tensor) -> Tensor:
    """Zeros, (count,), with the options of ``like``.

    On the CPU they take up memory once they are written to: a trial that reaches its target on
    coarse levels needs none for the slots of the finest.
    """
    if like.device.type != "cpu":
        return like.new_zeros(count)
    return torch.from_numpy(np.zeros(count, like.numpy().dtype))


class Optimizer(ABC):
    """State and rule of one level.

    ``SLOTS`` names the attributes, tensors or whole numbers, that a checkpoint has to keep.
    """

    SLOTS: ClassVar[tuple[str, ...]] = ("mean_square",)
    WHOLE_LAYERS: ClassVar[bool] = False
    """Whether groups must be whole layers."""

    def __init__(self, sizes: Sequence[int], learning_rate: float) -> None:
        self.learning_rate = learning_rate
        self.steps = 0
        self.groups = parameter_groups(sizes, self.WHOLE_LAYERS)

    def begin_step(self) -> None:
        """Count a step; before the first of its groups, and apart from what a GPU can replay."""
        self.steps += 1

    @abstractmethod
    def step(self, gradient: Tensor, group: Group, parameters: Tensor | None = None) -> None:
        """Add the update to ``parameters``, or without them replace ``gradient`` by it.

        ``gradient``, (group.size,), is overwritten in any case; ``parameters`` are all of the
        level's, flat; groups come in order.
        """

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


class EntrywiseOptimizer(Optimizer):
    """A rule for every entry by itself.

    Its slots have ``like``'s options. On the CPU it goes through a group part by part, so that what
    one operation leaves is in the cache for the next; a GPU takes a group at once.
    """

    def __init__(self, sizes: Sequence[int], learning_rate: float, like: Tensor) -> None:
        super().__init__(sizes, learning_rate)
        most = max(group.size for group in self.groups)
        if like.device.type == "cpu":
            most = min(most, ENTRIES_IN_CACHE)
        self.scratch = like.new_empty(most)
        self.parts = {group.where.start: list(_parts(group, most)) for group in self.groups}

    def step(self, gradient: Tensor, group: Group, parameters: Tensor | None = None) -> None:
        for part, where in self.parts[group.where.start]:
            entries = gradient[part]
            target = None if parameters is None else parameters[where]
            self._update(entries, where, self.scratch[: entries.numel()], target)

    @abstractmethod
    def _update(
        self, gradient: Tensor, where: slice, scratch: Tensor, target: Tensor | None
    ) -> None:
        """As :meth:`step`, for the entries ``where``."""


def _parts(group: Group, most: int) -> Iterator[tuple[slice, slice]]:
    """A group in slices of at most ``most`` entries: of itself, and of all parameters."""
    for start in range(0, group.size, most):
        stop = min(start + most, group.size)
        yield slice(start, stop), slice(group.where.start + start, group.where.start + stop)


class TF1RMSProp(EntrywiseOptimizer):
    """TensorFlow 1's RMSProp, the paper's: decay 0.9, ε = 1e-10 inside the root, slot starts at 1.

    update = −η g / √(v + ε) with v ← 0.9 v + 0.1 g². The slot's start makes the first steps tiny.
    """

    def __init__(self, sizes: Sequence[int], learning_rate: float, like: Tensor) -> None:
        super().__init__(sizes, learning_rate, like)
        self.mean_square = like.new_ones(parameter_count(sizes))
        self.decay, self.epsilon = constant(0.9, like), constant(1e-10, like)
        self.factor = constant(-learning_rate, like)

    def _update(
        self, gradient: Tensor, where: slice, scratch: Tensor, target: Tensor | None
    ) -> None:
        mean_square = self.mean_square[where]
        mean_square.mul_(self.decay).addcmul_(gradient, gradient, value=0.1)
        torch.add(mean_square, self.epsilon, out=scratch).rsqrt_()
        if target is None:
            gradient.mul_(scratch).mul_(self.factor)
        else:
            target.addcmul_(gradient, scratch, value=-self.learning_rate)


class RMSProp(EntrywiseOptimizer):
    """torch's RMSProp with its defaults: α = 0.99, ε = 1e-8 outside the root, slot starts at 0."""

    def __init__(self, sizes: Sequence[int], learning_rate: float, like: Tensor) -> None:
        super().__init__(sizes, learning_rate, like)
        self.mean_square = untouched_zeros(parameter_count(sizes), like)
        self.decay, self.epsilon = constant(0.99, like), constant(1e-8, like)
        self.factor = constant(-learning_rate, like)

    def _update(
        self, gradient: Tensor, where: slice, scratch: Tensor, target: Tensor | None
    ) -> None:
        mean_square = self.mean_square[where]
        mean_square.mul_(self.decay).addcmul_(gradient, gradient, value=0.01)
        torch.sqrt(mean_square, out=scratch).add_(self.epsilon)
        if target is None:
            gradient.div_(scratch).mul_(self.factor)
        else:
            target.addcdiv_(gradient, scratch, value=-self.learning_rate)


class Adam(EntrywiseOptimizer):
    """torch's Adam with its defaults: β = (0.9, 0.999), ε = 1e-8."""

    SLOTS = ("mean", "mean_square", "steps")

    def __init__(self, sizes: Sequence[int], learning_rate: float, like: Tensor) -> None:
        super().__init__(sizes, learning_rate, like)
        self.mean = untouched_zeros(parameter_count(sizes), like)
        self.mean_square = untouched_zeros(parameter_count(sizes), like)
        self.factors = like.new_empty(2)

    def begin_step(self) -> None:
        super().begin_step()
        _set_adam_factors(self.factors, self.steps, self.learning_rate)

    def _update(
        self, gradient: Tensor, where: slice, scratch: Tensor, target: Tensor | None
    ) -> None:
        _adam_update(gradient, self.mean[where], self.mean_square[where], self.factors, scratch)
        if target is not None:
            target.add_(gradient)


def _set_adam_factors(factors: Tensor, steps: int, learning_rate: float) -> None:
    """Set what Adam's rule takes from the number of steps, (2,), without waiting for a GPU."""
    factors[0].fill_((1 - 0.999**steps) ** 0.5)
    factors[1].fill_(-learning_rate / (1 - 0.9**steps))


def _adam_update(
    gradient: Tensor, mean: Tensor, mean_square: Tensor, factors: Tensor, scratch: Tensor
) -> None:
    """Adam's rule on slots and scratch of the gradient's shape, with the factors of the step."""
    mean.lerp_(gradient, 0.1)
    mean_square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
    torch.sqrt(mean_square, out=scratch).div_(factors[0]).add_(1e-8)
    torch.div(mean, scratch, out=gradient)
    gradient.mul_(factors[1])


class Muon(Optimizer):
    """Muon as torch has it (momentum 0.95 after Nesterov, five Newton-Schulz iterations).

    A weight matrix moves by η √max(1, n_out / n_in) times the orthogonal factor of its momentum;
    biases, to which that has no meaning, by Adam at η / 10. No weight decay. ``sizes`` are the
    level's units per layer.
    """

    SLOTS = ("momentum", "bias_mean", "bias_mean_square", "steps")
    WHOLE_LAYERS = True
    MOMENTUM, BIAS_RATE = 0.95, 0.1

    def __init__(self, sizes: Sequence[int], learning_rate: float, like: Tensor) -> None:
        super().__init__(sizes, learning_rate)
        self.sizes = tuple(sizes)
        self.momentum = untouched_zeros(parameter_count(sizes), like)
        self.momenta, _ = parameter_views(self.momentum, sizes)
        self.bias_mean = like.new_zeros(len(sizes) - 1, max(sizes[1:]))
        self.bias_mean_square = torch.zeros_like(self.bias_mean)
        self.factors = like.new_empty(2)
        self.scratch = like.new_empty(max(sizes[1:]))
        self.iterations = NewtonSchulz(sizes, like)

    def begin_step(self) -> None:
        super().begin_step()
        _set_adam_factors(self.factors, self.steps, self.BIAS_RATE * self.learning_rate)

    def step(self, gradient: Tensor, group: Group, parameters: Tensor | None = None) -> None:
        matrix, bias = group.pieces
        n_in, n_out = self.sizes[matrix.layer : matrix.layer + 2]
        W, b = gradient[matrix.where].view(n_in, n_out), gradient[bias.where]
        momentum = self.momenta[matrix.layer]
        momentum.lerp_(W, 1 - self.MOMENTUM)
        W.lerp_(momentum, self.MOMENTUM)
        self.iterations.orthogonalize(W, -self.learning_rate * max(1, n_out / n_in) ** 0.5)
        mean = self.bias_mean[matrix.layer, :n_out]
        mean_square = self.bias_mean_square[matrix.layer, :n_out]
        _adam_update(b, mean, mean_square, self.factors, self.scratch[:n_out])
        if parameters is not None:
            parameters[group.where].add_(gradient)


OPTIMIZERS: dict[str, Callable[[Sequence[int], float, Tensor], Optimizer]] = {
    "tf1_rmsprop": TF1RMSProp,
    "rmsprop": RMSProp,
    "adam": Adam,
    "muon": Muon,
}
"""By name: what makes one of sizes, learning rate and a tensor with the options of the slots."""
