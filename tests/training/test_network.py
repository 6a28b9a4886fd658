"""Every activation and loss: gradients by finite differences, coarse networks as the fine one."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from msann_sweep.operators import build_operators
from msann_sweep.training.groups import parameter_groups
from msann_sweep.training.initialise import glorot_normal
from msann_sweep.training.network import (
    ACTIVATIONS,
    Form,
    Network,
    predict,
    total_loss,
)
from msann_sweep.training.transfer import FoldTransfer

LIKE = torch.empty(0, dtype=torch.float64)
BATCH = 6
FORMS = [
    Form(activation, loss)
    for activation, loss in itertools.product(
        ACTIVATIONS, ("mse", "binary_cross_entropy", "cross_entropy")
    )
]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def layers(form: Form) -> list[int]:
    return [32, 8, 3] if form.loss == "cross_entropy" else [32, 8, 4, 8, 32]


def targets(form: Form, n_outputs: int) -> Tensor:
    if form.loss == "cross_entropy":
        return torch.eye(n_outputs, dtype=torch.float64)[torch.arange(BATCH) % n_outputs]
    return torch.rand(BATCH, n_outputs, dtype=torch.float64, generator=generator(2))


def energy(parameters: Tensor, form: Form, x: Tensor, y: Tensor) -> Tensor:
    """The mean loss as torch itself has it."""
    outputs = predict(parameters, layers(form), x, form)
    if form.loss == "mse":
        return torch.nn.functional.mse_loss(outputs, y)
    if form.loss == "binary_cross_entropy":
        return torch.nn.functional.binary_cross_entropy(outputs, y)
    return torch.nn.functional.nll_loss(outputs.log(), y.argmax(1))


def assert_gradient_is_the_slope(
    network: Network, x: Tensor, y: Tensor, energy: Callable[[], float]
) -> None:
    """Central differences of the energy along every seventh parameter."""
    parameters = network.parameters
    gradient = torch.empty_like(parameters)
    network.propagate(x, y)
    for group in parameter_groups(network.sizes):
        network.write_gradient(x, network.gradient_views(group, gradient[group.where]))
    for index in range(0, len(parameters), 7):
        kept = parameters[index].item()
        ends = []
        for shift in (1e-5, -1e-5):
            parameters[index] = kept + shift
            ends.append(energy())
        parameters[index] = kept
        slope = (ends[0] - ends[1]) / 2e-5
        assert gradient[index].item() == pytest.approx(slope, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_gradient_agrees_with_finite_differences(form: Form) -> None:
    sizes = layers(form)
    parameters = glorot_normal(sizes, generator(0), LIKE)
    network = Network(sizes, sizes, parameters, BATCH, form)
    x = torch.rand(BATCH, sizes[0], dtype=torch.float64, generator=generator(1))
    y = targets(form, sizes[-1])
    assert_gradient_is_the_slope(network, x, y, lambda: energy(parameters, form, x, y).item())


def test_coarse_gradient_agrees_with_finite_differences() -> None:
    """Of ‖y_c − h_c‖² / (B · N_fine), with h_c = a u and y_c = a × the aggregate means."""
    sizes, finest = (8, 4, 2, 4, 8), (32, 8, 4, 8, 32)
    network = Network(sizes, finest, glorot_normal(sizes, generator(0), LIKE), BATCH)
    x, y = torch.rand(2, BATCH, 8, dtype=torch.float64, generator=generator(1))
    a = network.amplitudes[-1]

    def coarse_energy() -> float:
        return float((a * (network.forward(x) - y)).square().sum() / (BATCH * finest[-1]))

    assert_gradient_is_the_slope(network, x, y, coarse_energy)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_loss_is_torchs(form: Form) -> None:
    sizes = layers(form)
    parameters = glorot_normal(sizes, generator(0), LIKE)
    x = torch.rand(BATCH, sizes[0], dtype=torch.float64, generator=generator(1))
    y = targets(form, sizes[-1])
    expected = energy(parameters, form, x, y).item()
    assert Network(sizes, sizes, parameters, BATCH, form).loss(x, y) == pytest.approx(expected)
    total, count = total_loss(predict(parameters, sizes, x, form), y, form.loss)
    assert float(total) / count == pytest.approx(expected)


@pytest.mark.parametrize("strategy", ["path", "grid", "grid_shuffled"])
@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_coarse_network_is_the_fine_one_on_aggregate_constant_functions(
    form: Form, level: int, strategy: str
) -> None:
    sizes = layers(form)
    kept = (len(sizes) - 1,) if form.loss == "cross_entropy" else ()
    operators = build_operators(sizes, 3, strategy, seed=1, kept=kept)
    coarse_sizes = operators.sizes[level]
    transfer = FoldTransfer(sizes, coarse_sizes)
    coarse = glorot_normal(coarse_sizes, generator(2), LIKE)
    theta = glorot_normal(sizes, generator(0), LIKE).zero_()
    transfer.add_prolonged(theta, coarse)
    means = torch.rand(BATCH, coarse_sizes[0], dtype=torch.float64, generator=generator(3))
    y = targets(form, coarse_sizes[-1])
    small = Network(coarse_sizes, sizes, coarse, BATCH, form)
    fine = Network(sizes, sizes, theta, BATCH, form)
    small.propagate(means, y)
    repeats = 1 if kept else sizes[-1] // coarse_sizes[-1]
    constant = means.repeat(1, sizes[0] // coarse_sizes[0])
    fine.propagate(constant, y.repeat(1, repeats))
    outputs = small.units[-1].repeat(1, repeats)
    torch.testing.assert_close(fine.units[-1], outputs)
    torch.testing.assert_close(predict(theta, sizes, constant, form), outputs)
    for layer, (delta, expected) in enumerate(zip(fine.deltas, small.deltas, strict=True), start=1):
        gathered = transfer.gather_units(delta, layer, torch.empty_like(expected))
        torch.testing.assert_close(gathered * transfer.unit_scales[layer], expected)
