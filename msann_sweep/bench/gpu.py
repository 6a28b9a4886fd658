"""The CUDA path against the CPU: the same steps on the same batches, and the seconds of both."""

from __future__ import annotations

from typing import Any

import torch

from msann_sweep.bench.steps import measure_steps
from msann_sweep.errors import ResourceError
from msann_sweep.operators import build_operators
from msann_sweep.training.cuda_graphs import fastest_step
from msann_sweep.training.initialise import initial_theta
from msann_sweep.training.optimizer import OPTIMIZERS
from msann_sweep.training.schedule import cycle_schedule
from msann_sweep.training.stepper import STEPPERS, Stepper

CHECKED_LAYERS, CHECKED_L, CYCLES = (256, 64, 32, 64, 256), 3, 4


def measure_gpu(layers: tuple[int, ...], L: int, batch_size: int) -> dict[str, Any]:
    """What ``bench gpu`` prints: agreement in float64, then seconds of a step on each.

    Raises ResourceError on a machine without a GPU that torch can use.
    """
    if not torch.cuda.is_available():
        raise ResourceError("bench gpu: got a machine without CUDA; allowed: one with a GPU")
    return {
        "gpu": torch.cuda.get_device_name(),
        "largest_relative_difference": {
            f"{coarse_step}, {optimizer}": device_difference(coarse_step, optimizer, "cuda")
            for coarse_step in STEPPERS
            for optimizer in OPTIMIZERS
        },
        "cpu": measure_steps(layers, L, batch_size, "path"),
        "cuda": measure_steps(layers, L, batch_size, "path", device="cuda"),
    }


def device_difference(coarse_step: str, optimizer: str, device: str) -> float:
    """Largest |Θ − Θ_cpu| over the largest |Θ_cpu|, after the same cycles on the same batches."""
    thetas = [_trained(coarse_step, optimizer, each) for each in ("cpu", device)]
    reference, other = (theta.cpu() for theta in thetas)
    return float((reference - other).abs().max() / reference.abs().max())


def _trained(coarse_step: str, optimizer: str, device: str) -> torch.Tensor:
    operators = build_operators(CHECKED_LAYERS, CHECKED_L, "path")
    like = torch.empty(0, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    theta = initial_theta(operators, "glorot_normal", generator, like).to(device)
    optimizers = [OPTIMIZERS[optimizer](sizes, 1e-3, theta) for sizes in operators.sizes]
    stepper: Stepper = STEPPERS[coarse_step](operators, theta, optimizers, 16)
    step = fastest_step(stepper)
    for level in cycle_schedule(2, CHECKED_L) * CYCLES:
        stepper.move_to(level)
        shape = (16, stepper.resolution())
        x = torch.rand(shape, dtype=torch.float64, generator=generator).to(device)
        step(x, x)
    stepper.move_to(0)
    return stepper.composed()
