"""The in-place optimisers against torch's own and against TensorFlow 1's rule."""

from __future__ import annotations

import pytest
import torch

from msann_sweep.training.optimizer import ELEMENTWISE, TF1RMSProp

GRADIENTS = torch.randn(30, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "torch_optimizer"),
    [("rmsprop", torch.optim.RMSprop), ("adam", torch.optim.Adam)],
)
def test_torch_optimisers(name: str, torch_optimizer: type[torch.optim.Optimizer]) -> None:
    parameters = torch.zeros(50, dtype=torch.float64)
    ours = ELEMENTWISE[name](50, 0.01, parameters)
    theirs_parameters = torch.zeros(50, dtype=torch.float64, requires_grad=True)
    theirs = torch_optimizer([theirs_parameters], lr=0.01)  # type: ignore[call-arg]  # both take lr
    for gradient in GRADIENTS:
        update = gradient.clone()
        ours.step(update)
        parameters += update
        theirs_parameters.grad = gradient
        theirs.step()
    torch.testing.assert_close(parameters, theirs_parameters.detach(), rtol=1e-12, atol=0)


def test_tf1_rmsprop() -> None:
    like = torch.zeros(50, dtype=torch.float64)
    optimizer = TF1RMSProp(50, 0.01, like)
    mean_square = torch.ones(50, dtype=torch.float64)
    for gradient in GRADIENTS:
        mean_square = 0.9 * mean_square + 0.1 * gradient**2
        expected = -0.01 * gradient / (mean_square + 1e-10) ** 0.5
        update = gradient.clone()
        optimizer.step(update)
        torch.testing.assert_close(update, expected, rtol=1e-12, atol=0)


def test_tf1_rmsprop_keeps_epsilon_inside_the_root() -> None:
    optimizer = TF1RMSProp(1, 1.0, torch.zeros(1, dtype=torch.float64))
    optimizer.mean_square.zero_()
    update = torch.tensor([1e-8], dtype=torch.float64)
    optimizer.step(update)
    assert update.item() == pytest.approx(-1e-8 / (1e-17 + 1e-10) ** 0.5)
