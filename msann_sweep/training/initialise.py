"""The initial Θ of a hierarchy: the sum of every level's prolonged initial weights (eq. 3.6)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from msann_sweep.operators import OperatorSet
from msann_sweep.training.network import new_parameters, parameter_views
from msann_sweep.training.transfer import transfer_to_finest


def glorot_normal(sizes: Sequence[int], generator: torch.Generator, like: Tensor) -> Tensor:
    """Flat parameters: weights N(0, 2 / (n_in + n_out)), biases zero."""
    parameters = new_parameters(sizes, like)
    weights, _ = parameter_views(parameters, sizes)
    for W in weights:
        W.normal_(std=(2 / sum(W.shape)) ** 0.5, generator=generator)
    return parameters


def initial_theta(
    operators: OperatorSet, coarse_init: str, generator: torch.Generator, like: Tensor
) -> Tensor:
    """Flat Θ at level 0.

    Level 0 always starts glorot_normal; with ``coarse_init`` = "glorot_normal" so does every
    coarser level (as in the paper's experiments), with "zero" they start at nothing.
    """
    theta = glorot_normal(operators.sizes[0], generator, like)
    if coarse_init == "glorot_normal":
        for level in range(1, operators.L + 1):
            coarse = glorot_normal(operators.sizes[level], generator, like)
            transfer_to_finest(operators, level, like).add_prolonged(theta, coarse)
    return theta
