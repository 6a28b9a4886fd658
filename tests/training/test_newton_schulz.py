"""Newton-Schulz iterations: composed, one by one, and torch's own in bf16."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.optim._muon import _zeropower_via_newtonschulz
from torch.utils.flop_counter import FlopCounterMode

from msann_sweep.training import newton_schulz
from msann_sweep.training.newton_schulz import COEFFICIENTS, ITERATIONS, NewtonSchulz, operations


def matrix(shape: tuple[int, int], rank: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Singular values over five decades, and below the rank none."""
    generator = torch.Generator().manual_seed(1)
    left, right = (torch.randn(n, rank, generator=generator, dtype=dtype) for n in shape)
    return left @ torch.diag(torch.logspace(0, -5, rank, dtype=dtype)) @ right.T


def orthogonalized(W: Tensor, precision: str) -> Tensor:
    result = W.clone()
    torch.set_float32_matmul_precision(precision)
    try:
        NewtonSchulz(W.shape, W).orthogonalize(result)
    finally:
        torch.set_float32_matmul_precision("highest")
    return result


@pytest.mark.parametrize("shape", [(40, 7), (7, 40), (16, 32), (300, 64)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-3)])
@pytest.mark.parametrize("rank", [1, 5, 300])
def test_composed_they_are_what_they_are_one_by_one(
    shape: tuple[int, int], dtype: torch.dtype, tolerance: float, rank: int
) -> None:
    """TF32 and bf16 go through them one by one, and so do nearly square matrices."""
    W = matrix(shape, rank, dtype)
    composed, one_by_one = (orthogonalized(W, precision) for precision in ("highest", "high"))
    torch.testing.assert_close(composed, one_by_one, rtol=0, atol=tolerance)


@pytest.mark.parametrize("shape", [(300, 64), (64, 300)])
def test_in_bf16_they_are_torchs(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]) -> None:
    """Up to the norm, which torch takes of what has been rounded already."""
    monkeypatch.setattr(newton_schulz, "BF16_FROM", 64)
    monkeypatch.setattr(newton_schulz, "cpu_multiplies_bf16", lambda: True)
    W = matrix(shape, 300)
    theirs = _zeropower_via_newtonschulz(W, COEFFICIENTS, ITERATIONS, 1e-7).float()
    torch.testing.assert_close(orthogonalized(W, "highest"), theirs, rtol=0, atol=0.03)


@pytest.mark.parametrize("shape", [(40, 7), (7, 40), (16, 16)])
@pytest.mark.parametrize("precision", ["highest", "high"])
def test_their_operations_are_counted(shape: tuple[int, int], precision: str) -> None:
    W = matrix(shape, 5)
    with FlopCounterMode(display=False) as counter:
        orthogonalized(W, precision)
    assert counter.get_total_flops() == operations(*shape, float32=precision == "highest")
