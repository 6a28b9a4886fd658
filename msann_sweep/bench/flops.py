"""Floating-point operations of plain PyTorch's training step, counted by torch while it runs."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from msann_sweep.bench.plain import plain_network, plain_optimizers, plain_step
from msann_sweep.config import TrialConfig


def plain_flops_per_step(trial: TrialConfig) -> int:
    """Operations of the matrix products of one step, optimiser included."""
    network = plain_network(trial.layers)
    step = plain_step(network, plain_optimizers(network, trial.optimizer, trial.learning_rate))
    x = torch.rand(trial.batch_size, trial.layers[0])
    y = torch.rand(trial.batch_size, trial.layers[-1])
    step(x, y)
    with FlopCounterMode(display=False) as counter:
        step(x, y)
    return int(counter.get_total_flops())
