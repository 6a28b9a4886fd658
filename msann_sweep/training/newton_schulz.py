"""Newton-Schulz iterations: Muon's way to make a matrix nearly orthogonal.

X ← p(X Xᵀ) X with p(G) = aI + bG + cG², five times, on X over its norm: singular values come to
about 0.7 to 1.2, with torch's coefficients. They are done one by one, or composed into one factor
of X; whichever is faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
# On CPUs with AMX: 2.9 ms where the composed iterations take 6.4 (1024 x 256), and for a short side
# of 128 no less.
BF16_FROM = 256
# Of the long side over the short one: composed, the iterations of a square matrix cost more.
COMPOSED_FROM = 2


@cache
def cpu_multiplies_bf16() -> bool:
    """Whether this machine's CPU has instructions for products of bf16 matrices (AMX)."""
    # Older releases of torch do not tell.
    tell = getattr(torch.cpu, "get_capabilities", None)
    return bool(tell and tell().get("amx_bf16"))


def uses_bf16(short_side: int, device: str, bf16_cpu: bool) -> bool:
    """Whether a float32 matrix goes through the iterations in bf16, as in torch's Muon all do."""
    return bf16_cpu and device == "cpu" and short_side >= BF16_FROM


def operations(n_in: int, n_out: int, float32: bool = True) -> int:
    """Floating-point operations of the matrix products for a matrix of that shape."""
    short, long = sorted((n_in, n_out))
    if float32 and long >= COMPOSED_FROM * short:
        return 4 * short**2 * long + 2 * (4 * ITERATIONS - 3) * short**3
    return ITERATIONS * 2 * (2 * short**2 * long + short**3)


class Workspace(NamedTuple):
    """Buffers for matrices of one shape: two of it (one but for bf16), and short × short ones."""

    matrices: list[Tensor]
    squares: list[Tensor]


class NewtonSchulz:
    """The iterations for all weight matrices of a level, with the buffers they need.

    ``sizes`` are the level's units per layer, ``like`` has the options of its parameters.
    """

    def __init__(self, sizes: Sequence[int], like: Tensor) -> None:
        shapes = list(pairwise(sizes))
        largest = max(n_in * n_out for n_in, n_out in shapes)
        short = max(min(shape) for shape in shapes)
        buffers = like.new_empty(1, largest), like.new_empty(4, short * short)
        self.workspaces: dict[tuple[int, ...], Workspace] = {
            shape: _workspace(buffers, shape) for shape in shapes
        }
        bf16_cpu = cpu_multiplies_bf16() and like.dtype == torch.float32
        self.in_bf16: dict[tuple[int, ...], Workspace] = {}
        if uses_bf16(short, like.device.type, bf16_cpu):
            halves = (
                like.new_empty(2, largest, dtype=torch.bfloat16),
                like.new_empty(2, short * short, dtype=torch.bfloat16),
            )
            self.in_bf16 = {
                shape: _workspace(halves, shape)
                for shape in shapes
                if uses_bf16(min(shape), like.device.type, bf16_cpu)
            }

    def orthogonalize(self, W: Tensor, scale: float = 1.0) -> None:
        """Replace W, (n_in, n_out), by about ``scale`` U Vᵀ of its decomposition U S Vᵀ."""
        W.div_(torch.linalg.vector_norm(W).clamp_(min=1e-7))
        if W.shape in self.in_bf16:
            (first, last), squares = self.in_bf16[W.shape]
            first.copy_(W)
            _iterate(_wide(first), _wide(last), squares)
            W.copy_(last).mul_(scale)
            return
        (last,), squares = self.workspaces[W.shape]
        float32 = torch.get_float32_matmul_precision() == "highest"
        if float32 and max(W.shape) >= COMPOSED_FROM * min(W.shape):
            X = _wide(W)
            torch.mm(_composed(X, squares), X, out=_wide(last))
        else:
            _iterate(_wide(W), _wide(last), squares)
        torch.mul(last, scale, out=W)


def _workspace(buffers: tuple[Tensor, Tensor], shape: tuple[int, int]) -> Workspace:
    short = min(shape)
    matrices, squares = buffers
    return Workspace(_matrices(matrices, shape), _matrices(squares, (short, short)))


def _matrices(buffers: Tensor, shape: Sequence[int]) -> list[Tensor]:
    n_rows, n_columns = shape
    return [each[: n_rows * n_columns].view(n_rows, n_columns) for each in buffers.unbind()]


def _wide(W: Tensor) -> Tensor:
    return W if W.shape[0] <= W.shape[1] else W.T


def _iterate(X: Tensor, Y: Tensor, squares: Sequence[Tensor]) -> None:
    """The iterations one by one; X is overwritten, and their odd number ends in Y."""
    a, b, c = COEFFICIENTS
    gram, update, *_ = squares
    for _ in range(ITERATIONS):
        torch.mm(X, X.T, out=gram)
        torch.addmm(gram, gram, gram, beta=b, alpha=c, out=update)
        torch.addmm(X, update, X, beta=a, out=Y)
        X, Y = Y, X


def _composed(X: Tensor, squares: Sequence[Tensor]) -> Tensor:
    """All iterations as one factor of X; its long side takes part in two products only.

    With p(G) = aI + q, G ← p(G) G p(G) goes along. Errors of G grow by a² an iteration: float32 has
    room for that, TF32 and bf16 have not.
    """
    a, b, c = COEFFICIENTS
    gram, q, factor, spare = squares
    torch.mm(X, X.T, out=gram)
    torch.addmm(gram, gram, gram, beta=b, alpha=c, out=q)
    factor.copy_(q).diagonal().add_(a)
    for _ in range(ITERATIONS - 1):
        torch.addmm(gram, q, gram, beta=a, out=spare)
        torch.addmm(spare, spare, q, beta=a, out=gram)
        torch.addmm(gram, gram, gram, beta=b, alpha=c, out=q)
        torch.addmm(factor, q, factor, beta=a, out=spare)
        factor, spare = spare, factor
    return factor
