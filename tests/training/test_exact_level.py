"""Updates that wait until their level is left, against updates that are prolonged at once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from msann_sweep.operators import OperatorSet, build_operators
from msann_sweep.training.exact_level import ExactLevel, WaitingLevel
from msann_sweep.training.initialise import initial_theta
from msann_sweep.training.network import Form
from msann_sweep.training.optimizer import OPTIMIZERS, Optimizer
from msann_sweep.training.stepper import ExactStepper
from msann_sweep.training.transfer import MappedTransfer, Transfer

LAYERS = (32, 16, 8, 16, 32)
L = 3
BATCH = 5
LIKE = torch.empty(0, dtype=torch.float64)


class AtOnce(ExactStepper):
    """Prolongs every update at once, whatever it takes."""

    def _coarse_level(self, transfer: Transfer, optimizer: Optimizer) -> ExactLevel:
        return ExactLevel(self.finest, transfer, optimizer)


class Waiting(ExactStepper):
    """Lets every update wait."""

    def _coarse_level(self, transfer: Transfer, optimizer: Optimizer) -> ExactLevel:
        assert isinstance(transfer, MappedTransfer)
        return WaitingLevel(self.finest, transfer, optimizer)


def new(
    kind: type[ExactStepper], strategy: str, optimizer: str = "rmsprop", batch_size: int = BATCH
) -> ExactStepper:
    return on(
        kind, build_operators(LAYERS, L, strategy, seed=1), Form("tanh"), optimizer, batch_size
    )


def on(
    kind: type[ExactStepper],
    operators: OperatorSet,
    form: Form,
    optimizer: str = "rmsprop",
    batch_size: int = BATCH,
) -> ExactStepper:
    theta = initial_theta(operators, "glorot_normal", torch.Generator().manual_seed(0), LIKE)
    optimizers = [OPTIMIZERS[optimizer](sizes, 1e-2, LIKE) for sizes in operators.sizes]
    return kind(operators, theta, optimizers, batch_size, form)


def batch(seed: int) -> tuple[Tensor, Tensor]:
    x, y = torch.rand(
        2, BATCH, LAYERS[0], dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    return x, y


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("optimizer", ["rmsprop", "muon"])
@pytest.mark.parametrize("strategy", ["random", "product", "injection"])
def test_to_wait_changes_no_result(strategy: str, optimizer: str) -> None:
    waiting, at_once = (new(kind, strategy, optimizer) for kind in (Waiting, AtOnce))
    seed = 0
    for level, steps in ((1, 3), (3, 1), (2, 4), (2, 2), (0, 1), (1, 0), (3, 5)):
        for each in (waiting, at_once):
            each.move_to(level)
        for _ in range(steps):
            seed += 1
            waiting.step(*batch(seed))
            at_once.step(*batch(seed))
            close(waiting.composed(), at_once.composed())
            close(waiting.loss(*batch(0)), at_once.loss(*batch(0)))
    before = waiting.composed()
    assert not torch.equal(waiting.theta, before)
    waiting.move_to(0)
    close(waiting.theta, before)
    close(waiting.theta, at_once.theta)


def test_a_classifier_waits_likewise() -> None:
    """Its output layer is kept at every level."""
    operators = build_operators((32, 16, 10), L, "random", seed=1, kept=(2,))
    form = Form("relu", "cross_entropy")
    waiting, at_once = (on(kind, operators, form) for kind in (Waiting, AtOnce))
    for level in (2, 1, 3):
        waiting.move_to(level)
        at_once.move_to(level)
        for seed in range(3):
            x, labels = batch(seed)[0], torch.eye(10, dtype=torch.float64)[seed : seed + BATCH]
            waiting.step(x, labels)
            at_once.step(x, labels)
            close(waiting.composed(), at_once.composed())


def test_theta_waits_until_its_level_is_left() -> None:
    stepper = new(Waiting, "random")
    theta = stepper.theta.clone()
    stepper.move_to(2)
    for seed in range(3):
        stepper.step(*batch(seed))
    stepper.move_to(2)
    assert torch.equal(stepper.theta, theta)
    stepper.move_to(3)
    assert not torch.equal(stepper.theta, theta)


def test_a_visit_goes_on_from_its_state_bit_for_bit() -> None:
    stepper, other = new(Waiting, "random"), new(Waiting, "random")
    stepper.move_to(1)
    for seed in range(3):
        stepper.step(*batch(seed))
    other.load_state_dict(stepper.state_dict())
    for each in (stepper, other):
        each.step(*batch(9))
        each.move_to(0)
    assert torch.equal(stepper.theta, other.theta)


@pytest.mark.parametrize(
    ("strategy", "batch_size", "kinds"),
    [
        ("path", 4, "ExactLevel ExactLevel ExactLevel"),
        ("random", 4, "WaitingLevel WaitingLevel WaitingLevel"),
        ("random", 64, "ExactLevel ExactLevel WaitingLevel"),
        ("random", 1024, "ExactLevel ExactLevel ExactLevel"),
    ],
)
def test_updates_wait_where_that_is_less_work(strategy: str, batch_size: int, kinds: str) -> None:
    stepper = new(ExactStepper, strategy, batch_size=batch_size)
    assert " ".join(type(each).__name__ for each in stepper.coarse) == kinds
