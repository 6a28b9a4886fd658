"""The in-place optimisers against torch's own and against TensorFlow 1's rule."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from msann_sweep.training.cost import parameter_count
from msann_sweep.training.network import parameter_views
from msann_sweep.training.optimizer import OPTIMIZERS, Muon, Optimizer, TF1RMSProp

SIZES = (49, 1)
GRADIENTS = torch.randn(30, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def step(optimizer: Optimizer, gradient: Tensor) -> None:
    optimizer.begin_step()
    for group in optimizer.groups:
        optimizer.step(gradient[group.where], group)


@pytest.mark.parametrize(
    ("name", "torch_optimizer"),
    [("rmsprop", torch.optim.RMSprop), ("adam", torch.optim.Adam)],
)
def test_torch_optimisers(name: str, torch_optimizer: type[torch.optim.Optimizer]) -> None:
    parameters = torch.zeros(50, dtype=torch.float64)
    ours = OPTIMIZERS[name](SIZES, 0.01, parameters)
    theirs_parameters = torch.zeros(50, dtype=torch.float64, requires_grad=True)
    theirs = torch_optimizer([theirs_parameters], lr=0.01)  # type: ignore[call-arg]  # both take lr
    for gradient in GRADIENTS:
        update = gradient.clone()
        step(ours, update)
        parameters += update
        theirs_parameters.grad = gradient
        theirs.step()
    torch.testing.assert_close(parameters, theirs_parameters.detach(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parameters_given_get_the_update_that_is_left_without_them(name: str) -> None:
    sizes = (7, 5, 3)
    start = torch.randn(parameter_count(sizes), dtype=torch.float64)
    parameters = start.clone()
    leaving, adding = (OPTIMIZERS[name](sizes, 0.01, start) for _ in range(2))
    for gradient in torch.randn(4, len(start), dtype=torch.float64):
        update = gradient.clone()
        step(leaving, update)
        start += update
        adding.begin_step()
        for group in adding.groups:
            adding.step(gradient[group.where].clone(), group, parameters)
    torch.testing.assert_close(parameters, start, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["tf1_rmsprop", "rmsprop", "adam"])
def test_parts_of_a_group_are_updated_as_the_whole(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    like = torch.zeros(50, dtype=torch.float64)
    whole = OPTIMIZERS[name](SIZES, 0.01, like)
    monkeypatch.setattr("msann_sweep.training.optimizer.ENTRIES_IN_CACHE", 7)
    parts = OPTIMIZERS[name](SIZES, 0.01, like)
    for gradient in GRADIENTS:
        updates = gradient.clone(), gradient.clone()
        step(whole, updates[0])
        step(parts, updates[1])
        torch.testing.assert_close(updates[1], updates[0], rtol=1e-14, atol=0)


def test_tf1_rmsprop() -> None:
    like = torch.zeros(50, dtype=torch.float64)
    optimizer = TF1RMSProp(SIZES, 0.01, like)
    mean_square = torch.ones(50, dtype=torch.float64)
    for gradient in GRADIENTS:
        mean_square = 0.9 * mean_square + 0.1 * gradient**2
        expected = -0.01 * gradient / (mean_square + 1e-10) ** 0.5
        update = gradient.clone()
        step(optimizer, update)
        torch.testing.assert_close(update, expected, rtol=1e-12, atol=0)


def test_tf1_rmsprop_keeps_epsilon_inside_the_root() -> None:
    optimizer = TF1RMSProp((0, 1), 1.0, torch.zeros(1, dtype=torch.float64))
    optimizer.mean_square.zero_()
    update = torch.tensor([1e-8], dtype=torch.float64)
    step(optimizer, update)
    assert update.item() == pytest.approx(-1e-8 / (1e-17 + 1e-10) ** 0.5)


@pytest.mark.parametrize("sizes", [(12, 5), (5, 12), (12, 5, 12)])
def test_muon_is_torchs(sizes: tuple[int, ...]) -> None:
    """torch iterates in bfloat16, whose steps are 2^-8 wide; five iterations amplify them."""
    generator = torch.Generator().manual_seed(1)
    like = torch.zeros(1)
    ours = Muon(sizes, 0.1, like)
    parameters = torch.zeros(parameter_count(sizes))
    weights, biases = parameter_views(parameters, sizes)
    theirs_weights = [torch.zeros(W.shape[::-1], requires_grad=True) for W in weights]
    theirs_biases = [torch.zeros(b.shape, requires_grad=True) for b in biases]
    matrices = torch.optim.Muon(theirs_weights, lr=0.1, weight_decay=0)
    vectors = torch.optim.Adam(theirs_biases, lr=0.01)
    for _ in range(5):
        gradient = torch.randn(len(parameters), generator=generator)
        dW, db = parameter_views(gradient.clone(), sizes)
        for W, each in zip(theirs_weights, dW, strict=True):
            W.grad = each.T.contiguous()
        for b, each in zip(theirs_biases, db, strict=True):
            b.grad = each
        matrices.step()
        vectors.step()
        step(ours, gradient)
        parameters += gradient
    for W, theirs in zip(weights, theirs_weights, strict=True):
        torch.testing.assert_close(W, theirs.detach().T, rtol=0, atol=0.03)
    for b, theirs in zip(biases, theirs_biases, strict=True):
        torch.testing.assert_close(b, theirs.detach(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("sizes", [(40, 7), (7, 40), (16, 16)])
def test_muon_steps_are_nearly_orthogonal(sizes: tuple[int, int]) -> None:
    """The iteration brings singular values to about 0.7 to 1.2, and no nearer to 1."""
    generator = torch.Generator().manual_seed(0)
    gradient = torch.randn(parameter_count(sizes), generator=generator, dtype=torch.float64)
    step(Muon(sizes, 1.0, gradient), gradient)
    (W,), _ = parameter_views(gradient, sizes)
    scale = max(1, sizes[1] / sizes[0]) ** 0.5
    values = torch.linalg.svdvals(W) / scale
    assert 0.3 < values.min() <= values.max() < 1.3
