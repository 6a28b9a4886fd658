"""The fast kernels against a slow autograd reference, and the laws of the Galerkin step."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from msann_sweep.operators import STRATEGIES, OperatorSet, build_operators
from msann_sweep.training.cost import parameter_count
from msann_sweep.training.initialise import glorot_normal, initial_theta
from msann_sweep.training.network import parameter_views
from msann_sweep.training.optimizer import OPTIMIZERS
from msann_sweep.training.schedule import cycle_schedule
from msann_sweep.training.stepper import ExactStepper, GalerkinStepper, SimultaneousStepper, Stepper
from msann_sweep.training.transfer import FoldTransfer, transfer_to_finest
from tests.training.reference import Reference

LAYERS = [32, 8, 4, 8, 32]
BATCH = 6
LIKE = torch.empty(0, dtype=torch.float64)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stepper_for(
    kind: type[Stepper], operators: OperatorSet, theta: Tensor, rates: list[float]
) -> Stepper:
    optimizers = [
        OPTIMIZERS["rmsprop"](sizes, rate, LIKE)
        for sizes, rate in zip(operators.sizes, rates, strict=True)
    ]
    return kind(operators, theta, optimizers, BATCH)


def orders(operators: OperatorSet) -> list[Tensor]:
    """Folded order of each layer, natural where there is none."""
    found = [operators.folded_order(layer) for layer in range(len(operators.layers))]
    return [
        torch.arange(size) if order is None else torch.from_numpy(order).long()
        for size, order in zip(operators.layers, found, strict=True)
    ]


def fold(theta: Tensor, operators: OperatorSet) -> Tensor:
    """Flat Θ in natural order to folded order."""
    folded = theta.clone()
    order = orders(operators)
    source = parameter_views(theta, operators.layers)
    target = parameter_views(folded, operators.layers)
    for j in range(len(LAYERS) - 1):
        target[0][j].copy_(source[0][j][order[j]][:, order[j + 1]])
        target[1][j].copy_(source[1][j][order[j + 1]])
    return folded


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_exact_step_is_autograd_through_the_hierarchy(strategy: str) -> None:
    operators = build_operators(LAYERS, 4, strategy, seed=1)
    rates = [1e-3 * 2.0**level for level in range(5)]
    natural = glorot_normal(LAYERS, generator(), LIKE)
    reference = Reference(operators, natural, rates)
    stepper = stepper_for(ExactStepper, operators, fold(natural, operators), rates)
    order = orders(operators)[0]
    batches = generator(1)
    for level in cycle_schedule(2, 4) * 4:
        x = torch.rand(BATCH, 32, dtype=torch.float64, generator=batches)
        y = torch.rand(BATCH, 32, dtype=torch.float64, generator=batches)
        stepper.move_to(level)
        stepper.step(x[:, order], y[:, order])
        reference.step(level, x, y)
    flat = torch.cat([part.detach().ravel() for pair in reference.composed() for part in pair])
    torch.testing.assert_close(stepper.composed(), fold(flat, operators), rtol=1e-9, atol=1e-12)


def test_all_levels_at_once_are_autograd_at_every_level() -> None:
    operators = build_operators(LAYERS, 3, "grid")
    rates = [1e-3 * 2.0**level for level in range(4)]
    natural = glorot_normal(LAYERS, generator(), LIKE)
    reference = Reference(operators, natural, rates)
    stepper = stepper_for(SimultaneousStepper, operators, fold(natural, operators), rates)
    order = orders(operators)[0]
    for seed in range(50):
        x, y = torch.rand(2, BATCH, 32, dtype=torch.float64, generator=generator(seed))
        stepper.step(x[:, order], y[:, order])
        reference.step_all(x, y)
    flat = torch.cat([part.detach().ravel() for pair in reference.composed() for part in pair])
    torch.testing.assert_close(stepper.composed(), fold(flat, operators), rtol=1e-9, atol=1e-12)


def test_galerkin_at_level_0_is_the_exact_step() -> None:
    operators = build_operators(LAYERS, 2, "path")
    theta = initial_theta(operators, "glorot_normal", generator(), LIKE)
    rates = [1e-3] * 3
    exact = stepper_for(ExactStepper, operators, theta.clone(), rates)
    galerkin = stepper_for(GalerkinStepper, operators, theta.clone(), rates)
    batches = generator(1)
    for _ in range(5):
        x = torch.rand(BATCH, 32, dtype=torch.float64, generator=batches)
        exact.step(x, x)
        galerkin.step(x, x)
    assert torch.equal(exact.composed(), galerkin.composed())


def test_a_galerkin_visit_without_steps_changes_nothing_but_rounding() -> None:
    operators = build_operators(LAYERS, 3, "grid")
    theta = initial_theta(operators, "glorot_normal", generator(), LIKE)
    before = theta.clone()
    stepper = stepper_for(GalerkinStepper, operators, theta, [1e-3] * 4)
    stepper.move_to(3)
    stepper.move_to(0)
    torch.testing.assert_close(theta, before, rtol=0, atol=1e-15)


def test_galerkin_steps_reach_theta_as_prolonged_changes() -> None:
    operators = build_operators(LAYERS, 3, "grid")
    theta = initial_theta(operators, "glorot_normal", generator(), LIKE)
    before = theta.clone()
    stepper = stepper_for(GalerkinStepper, operators, theta, [1e-3] * 4)
    stepper.move_to(2)
    batches = generator(1)
    for _ in range(3):
        x = torch.rand(BATCH, stepper.resolution(), dtype=torch.float64, generator=batches)
        stepper.step(x, x)
    composed = stepper.composed()
    assert torch.equal(theta, before)
    stepper.move_to(0)
    assert torch.equal(stepper.composed(), composed)
    change = composed - before
    assert change.abs().max() > 1e-4
    transfer = FoldTransfer(operators.sizes[0], operators.sizes[2])
    coarse = torch.empty(parameter_count(operators.sizes[2]), dtype=torch.float64)
    transfer.restriction(change, coarse).apply()
    prolonged = torch.zeros_like(change)
    transfer.add_prolonged(prolonged, coarse)
    torch.testing.assert_close(prolonged, change, rtol=0, atol=1e-14)


@pytest.mark.parametrize("level", [1, 3])
def test_restriction_undoes_prolongation(level: int) -> None:
    operators = build_operators(LAYERS, 3, "grid")
    transfer = transfer_to_finest(operators, level, LIKE)
    assert isinstance(transfer, FoldTransfer)
    coarse = torch.randn(parameter_count(operators.sizes[level]), dtype=torch.float64)
    fine = torch.zeros(parameter_count(LAYERS), dtype=torch.float64)
    transfer.add_prolonged(fine, coarse)
    restored = torch.empty_like(coarse)
    transfer.restriction(fine, restored).apply()
    torch.testing.assert_close(restored, coarse)


def test_coarse_levels_may_start_at_nothing() -> None:
    operators = build_operators(LAYERS, 3, "path")
    alone = glorot_normal(LAYERS, generator(), LIKE)
    assert torch.equal(initial_theta(operators, "zero", generator(), LIKE), alone)
    summed = initial_theta(operators, "glorot_normal", generator(), LIKE)
    added = summed - alone
    W, _ = parameter_views(added, LAYERS)
    assert W[0].std().item() > 0.05
