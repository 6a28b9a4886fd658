"""The paper's measure of cost (Section 4.1), in finest-level training examples."""

from __future__ import annotations

import itertools
from collections.abc import Sequence


def parameter_count(sizes: Sequence[int]) -> int:
    """Weights and biases of a chain of dense layers with ``sizes`` units each."""
    pairs = itertools.pairwise(sizes)
    return sum((n_in + 1) * n_out for n_in, n_out in pairs)


class CostMeter:
    """Counts smoothing steps per level and what they cost.

    A step at level l with a batch of b examples costs ``b · |M_l| / |M_0|``, |M| being the number
    of trainable parameters; ``sizes[l]`` are the layer sizes at level l.
    """

    def __init__(self, sizes: Sequence[Sequence[int]], batch_size: int) -> None:
        self.parameters = [parameter_count(level_sizes) for level_sizes in sizes]
        self.batch_size = batch_size
        self.steps_per_level = [0] * len(sizes)
        self._weighted_steps = 0

    def count(self, level: int) -> None:
        """Add one step at ``level``."""
        self.steps_per_level[level] += 1
        self._weighted_steps += self.parameters[level]

    def load(self, steps_per_level: Sequence[int]) -> None:
        """Go on from so many steps."""
        self.steps_per_level = list(steps_per_level)
        pairs = zip(self.steps_per_level, self.parameters, strict=True)
        self._weighted_steps = sum(steps * parameters for steps, parameters in pairs)

    @property
    def cost(self) -> float:
        """C(t): summed over all steps so far, from integers, so that no rounding accumulates."""
        return self._weighted_steps * self.batch_size / self.parameters[0]
