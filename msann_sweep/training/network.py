"""A chain of dense layers with a hand-written backward pass, free of allocation.

At a coarse level the activation is a φ(z/a) with a = √(aggregate size) per layer, so that the
network equals the fine one on functions constant over aggregates. The kernels keep u = h/a, whose
scale factors ride in the matrix products; at level 0, and for layers not coarsened, a is 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from msann_sweep.training.cost import parameter_count
from msann_sweep.training.groups import Group


def parameter_views(flat: Tensor, sizes: Sequence[int]) -> tuple[list[Tensor], list[Tensor]]:
    """Weights (n_in, n_out) and biases (n_out,) of each layer as views of one flat tensor."""
    weights, biases, start = [], [], 0
    for n_in, n_out in itertools.pairwise(sizes):
        weights.append(flat[start : start + n_in * n_out].view(n_in, n_out))
        start += n_in * n_out
        biases.append(flat[start : start + n_out])
        start += n_out
    return weights, biases


def constant(value: float, like: Tensor) -> Tensor:
    """A factor or term, (), on the CPU: an operation takes it faster than Python's number."""
    return torch.tensor(value, dtype=like.dtype)


Apply = Callable[[Tensor], Tensor]
Layer = tuple[Tensor, Tensor]
"""A layer's weights (n_in, n_out) and biases (n_out,)."""


def _sigmoid_backward(delta: Tensor, u: Tensor) -> None:
    torch.ops.aten.sigmoid_backward.grad_input(delta, u, grad_input=delta)


def _tanh_backward(delta: Tensor, u: Tensor) -> None:
    torch.ops.aten.tanh_backward.grad_input(delta, u, grad_input=delta)


def _relu_backward(delta: Tensor, u: Tensor) -> None:
    torch.ops.aten.threshold_backward.grad_input(delta, u, 0, grad_input=delta)


def _softmax(z: Tensor) -> Tensor:
    return torch.softmax(z, dim=1, out=z)


ACTIVATIONS: dict[str, tuple[Apply, Callable[[Tensor, Tensor], None]]] = {
    "sigmoid": (torch.sigmoid_, _sigmoid_backward),
    "tanh": (torch.tanh_, _tanh_backward),
    "relu": (torch.relu_, _relu_backward),
}
"""In place: φ(z), and dE/du times φ' in terms of u = φ(z)."""

OUTPUTS: dict[str, Apply] = {
    "mse": torch.sigmoid_,
    "binary_cross_entropy": torch.sigmoid_,
    "cross_entropy": _softmax,
}
"""The output layer's activation that goes with each loss."""


@dataclass(frozen=True)
class Form:
    """What kind of chain it is: the hidden layers' activation, and the loss."""

    activation: str = "sigmoid"
    loss: str = "mse"


SIGMOID_MSE = Form()


def predict(
    parameters: Tensor, sizes: Sequence[int], inputs: Tensor, form: Form = SIGMOID_MSE
) -> Tensor:
    """Outputs of the finest network, shape (B, n_out), for any number of inputs (B, n_in)."""
    *hidden, last = zip(*parameter_views(parameters, sizes), strict=True)
    h = inputs
    for layer in hidden:
        h = apply_hidden(layer, h, form)
    return apply_last(last, h, form)


def apply_hidden(layer: Layer, inputs: Tensor, form: Form) -> Tensor:
    """A hidden layer's values, (B, n_out), from those of the layer before, (B, n_in)."""
    apply, _ = ACTIVATIONS[form.activation]
    W, b = layer
    return apply(torch.addmm(b, inputs, W))


def apply_last(layer: Layer, inputs: Tensor, form: Form) -> Tensor:
    """The outputs, (B, n_out), from the last hidden layer's values, (B, n_in)."""
    W, b = layer
    return OUTPUTS[form.loss](torch.addmm(b, inputs, W))


def total_loss(outputs: Tensor, targets: Tensor, loss: str) -> tuple[Tensor, int]:
    """The loss of outputs (B, n_out), summed in float64, and of how many terms it is the sum.

    The quotient of the two is the mean loss: over all outputs, for cross-entropy over examples.
    """
    if loss == "mse":
        each = (outputs - targets).square_()
    elif loss == "binary_cross_entropy":
        each = torch.nn.functional.binary_cross_entropy(outputs, targets, reduction="none")
    else:
        each = outputs.clamp_min(torch.finfo(outputs.dtype).tiny).log_().mul_(targets).neg_()
    count = len(each) if loss == "cross_entropy" else each.numel()
    return each.sum(dtype=torch.float64), count


class GradientView(NamedTuple):
    """A piece of the gradient: of which layer and rows, None for a bias, and where it goes.

    ``units`` are what the rows stand for, (rows, B); None for the network's inputs.
    """

    layer: int
    rows: slice | None
    units: Tensor | None
    part: Tensor


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
        form: Form = SIGMOID_MSE,
    ) -> None:
        self.sizes = tuple(sizes)
        self.form = form
        self.parameters = parameters
        self.weights, self.biases = parameter_views(parameters, sizes)
        pairs = zip(finest_sizes, sizes, strict=True)
        self.amplitudes = [(finest / coarse) ** 0.5 for finest, coarse in pairs]
        self.batch_size = batch_size
        scale = self.amplitudes[-1] / batch_size
        if form.loss != "cross_entropy":
            scale /= finest_sizes[-1]
        self.error_scale = constant(2 * scale if form.loss == "mse" else scale, parameters)
        self.transposed = [W.T for W in self.weights]
        self.units = [parameters.new_empty(batch_size, n) for n in sizes[1:]]
        self.deltas = [parameters.new_empty(batch_size, n) for n in sizes[1:]]

    def layers(self) -> Iterator[Layer]:
        """Weights and biases of each layer, views of ``parameters``."""
        return zip(self.weights, self.biases, strict=True)

    def propagate(self, inputs: Tensor, targets: Tensor) -> None:
        """Fill ``units`` (u per layer) and ``deltas`` (dE/dz per layer) for one batch.

        ``inputs`` and ``targets`` are aggregate means, shape (B, n). E is the loss summed over the
        coarse outputs h, over B times the finest output size (eq. 3.13's E); cross-entropy is
        summed over the classes and averaged over the batch only.
        """
        u = self.forward(inputs)
        error = torch.sub(u, targets, out=self.deltas[-1])
        if self.form.loss == "mse":
            _sigmoid_backward(error, u)
        error.mul_(self.error_scale)
        _, backward = ACTIVATIONS[self.form.activation]
        for j in range(len(self.weights) - 1, 0, -1):
            backward(self.pass_back(j), self.units[j - 1])

    def forward(self, inputs: Tensor) -> Tensor:
        """Fill ``units`` for one batch of aggregate means, (B, n_in); returns the last of them."""
        apply, _ = ACTIVATIONS[self.form.activation]
        last = len(self.weights) - 1
        u = inputs
        for j in range(last + 1):
            z = self.pass_on(j, u)
            u = apply(z) if j < last else OUTPUTS[self.form.loss](z)
        return u

    def pass_on(self, j: int, u: Tensor) -> Tensor:
        """z/a of layer j, in the place of its u, from the u of the layer before."""
        a_in, a_out = self.amplitudes[j : j + 2]
        W, b = self.weights[j], self.biases[j]
        return torch.addmm(b, u, W, beta=1 / a_out, alpha=a_in / a_out, out=self.units[j])

    def pass_back(self, j: int) -> Tensor:
        """dE/du of the layer before, in the place of its dE/dz, from the dE/dz of layer j."""
        return torch.mm(self.deltas[j], self.transposed[j], out=self.deltas[j - 1])

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss over a batch of aggregate means, in the form's own loss; left on the device."""
        total, count = total_loss(self.forward(inputs), targets, self.form.loss)
        return total / count

    def gradient_views(self, group: Group, out: Tensor) -> list[GradientView]:
        """What of the gradient is in ``group``, to be written to ``out``, flat, (group.size,)."""
        views = []
        for piece in group.pieces:
            j, part = piece.layer, out[piece.where]
            if piece.rows is None:
                views.append(GradientView(j, None, None, part))
                continue
            units = self.units[j - 1][:, piece.rows].T if j > 0 else None
            views.append(GradientView(j, piece.rows, units, part.view(-1, self.sizes[j + 1])))
        return views

    def write_gradient(self, inputs: Tensor, views: Sequence[GradientView]) -> None:
        """Write dE/dW and dE/db of the batch last propagated, as far as the views go."""
        for j, rows, units, part in views:
            if rows is None:
                torch.sum(self.deltas[j], dim=0, out=part)
                continue
            u = inputs[:, rows].T if units is None else units
            torch.addmm(part, u, self.deltas[j], beta=0, alpha=self.amplitudes[j], out=part)


def new_parameters(sizes: Sequence[int], like: Tensor) -> Tensor:
    """Zeroed flat parameters of a network with ``sizes``, with the options of ``like``."""
    return like.new_zeros(parameter_count(sizes))
