"""A chain of dense sigmoid layers with a hand-written backward pass, free of allocation.

At a coarse level the activation is φ(z) = a σ(z/a) with a = √(aggregate size) per layer, so that
the network equals the fine one on functions constant over aggregates. The kernels keep u = h/a,
whose scale factors ride in the matrix products; at level 0 every a is 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from msann_sweep.training.cost import parameter_count


def parameter_views(flat: Tensor, sizes: Sequence[int]) -> tuple[list[Tensor], list[Tensor]]:
    """Weights (n_in, n_out) and biases (n_out,) of each layer as views of one flat tensor."""
    weights, biases, start = [], [], 0
    for n_in, n_out in itertools.pairwise(sizes):
        weights.append(flat[start : start + n_in * n_out].view(n_in, n_out))
        start += n_in * n_out
        biases.append(flat[start : start + n_out])
        start += n_out
    return weights, biases


def predict(parameters: Tensor, sizes: Sequence[int], inputs: Tensor) -> Tensor:
    """Outputs of the finest network, shape (B, n_out), for any number of inputs (B, n_in)."""
    h = inputs
    for W, b in zip(*parameter_views(parameters, sizes), strict=True):
        h = torch.addmm(b, h, W).sigmoid_()
    return h


class Network:
    """Parameters, and the buffers of one batch, of the network at one level.

    ``sizes`` are its layer sizes, ``finest_sizes`` those of level 0; their quotients are the
    aggregate sizes. ``parameters`` is flat, shape (parameter_count(sizes),), and may be shared.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        finest_sizes: Sequence[int],
        parameters: Tensor,
        batch_size: int,
    ) -> None:
        self.sizes = tuple(sizes)
        self.parameters = parameters
        self.weights, self.biases = parameter_views(parameters, sizes)
        pairs = zip(finest_sizes, sizes, strict=True)
        self.amplitudes = [(finest / coarse) ** 0.5 for finest, coarse in pairs]
        self.batch_size = batch_size
        self.output_scale = 2 * self.amplitudes[-1] / (batch_size * finest_sizes[-1])
        self.units = [parameters.new_empty(batch_size, n) for n in sizes[1:]]
        self.deltas = [parameters.new_empty(batch_size, n) for n in sizes[1:]]

    def propagate(self, inputs: Tensor, targets: Tensor) -> None:
        """Fill ``units`` (u per layer) and ``deltas`` (dE/dz per layer) for one batch.

        ``inputs`` and ``targets`` are aggregate means, shape (B, n). E is the squared error
        summed over the coarse outputs h, over B times the finest output size (eq. 3.13's E).
        """
        u = inputs
        for j, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            a_in, a_out = self.amplitudes[j : j + 2]
            torch.addmm(b, u, W, beta=1 / a_out, alpha=a_in / a_out, out=self.units[j])
            u = self.units[j].sigmoid_()
        error = torch.sub(u, targets, out=self.deltas[-1])
        torch.ops.aten.sigmoid_backward.grad_input(error, u, grad_input=error)
        error.mul_(self.output_scale)
        for j in range(len(self.weights) - 1, 0, -1):
            delta = torch.mm(self.deltas[j], self.weights[j].T, out=self.deltas[j - 1])
            torch.ops.aten.sigmoid_backward.grad_input(delta, self.units[j - 1], grad_input=delta)

    def gradient(self, inputs: Tensor, gradient: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Write dE/dW and dE/db of the batch last propagated into ``gradient``'s views."""
        for j, (dW, db) in enumerate(gradient):
            u = inputs if j == 0 else self.units[j - 1]
            torch.addmm(dW, u.T, self.deltas[j], beta=0, alpha=self.amplitudes[j], out=dW)
            torch.sum(self.deltas[j], dim=0, out=db)


def new_parameters(sizes: Sequence[int], like: Tensor) -> Tensor:
    """Zeroed flat parameters of a network with ``sizes``, with the options of ``like``."""
    return like.new_zeros(parameter_count(sizes))
