"""Milliseconds of Muon's Newton-Schulz iterations: composed, one by one, in bf16, torch's.

python benchmarks/newton_schulz.py
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from statistics import median

import torch
from torch import Tensor
from torch.optim._muon import _zeropower_via_newtonschulz

from msann_sweep.training import newton_schulz
from msann_sweep.training.newton_schulz import COEFFICIENTS, ITERATIONS, NewtonSchulz

# Layers of the paper's network at levels 0 to 2, and of one with 8192 pixels.
SHAPES = [(1024, 256), (256, 128), (512, 128), (256, 64), (8192, 256)]
NEVER = 1 << 62


@contextmanager
def way(bf16_from: int, precision: str) -> Iterator[None]:
    """How the iterations are done while it lasts."""
    before = newton_schulz.BF16_FROM
    newton_schulz.BF16_FROM = bf16_from
    torch.set_float32_matmul_precision(precision)
    yield
    newton_schulz.BF16_FROM = before
    torch.set_float32_matmul_precision("highest")


def milliseconds(call: Callable[[Tensor], object], W: Tensor, repetitions: int = 20) -> float:
    """The median of some calls, each with a fresh copy."""
    times = []
    for _ in range(repetitions):
        copy = W.clone()
        began = time.perf_counter()
        call(copy)
        times.append(time.perf_counter() - began)
    return 1e3 * median(times)


def main() -> None:
    """Print a row per shape."""
    torch.set_num_threads(1)
    ways = {"composed": (NEVER, "highest"), "one by one": (NEVER, "high"), "bf16": (1, "highest")}
    if not newton_schulz.cpu_multiplies_bf16():
        del ways["bf16"]
    print("| " + " | ".join(chain(["shape"], ways, ["torch's, bf16"])) + " |")
    print("|---" * (len(ways) + 2) + "|")
    for shape in SHAPES:
        W = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        times = []
        for settings in ways.values():
            with way(*settings):
                times.append(milliseconds(NewtonSchulz(shape, W).orthogonalize, W))
        times.append(
            milliseconds(
                lambda W: _zeropower_via_newtonschulz(W, COEFFICIENTS, ITERATIONS, 1e-7), W
            )
        )
        cells = [f"{shape[0]} × {shape[1]}", *(f"{each:.2f}" for each in times)]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
