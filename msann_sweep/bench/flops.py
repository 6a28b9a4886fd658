"""Floating-point operations of training steps, counted by torch while one step runs."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from msann_sweep.bench.plain import plain_network, plain_optimizers, plain_step
from msann_sweep.config import TrialConfig
from msann_sweep.training import Trainer


def flops_per_step(trial: TrialConfig, plain: bool = False) -> list[int]:
    """Operations of the matrix products of one step at each level, optimiser included.

    ``plain`` counts the step of plain PyTorch, at level 0 only.
    """
    if plain:
        network = plain_network(trial.layers)
        step = plain_step(network, plain_optimizers(network, trial.optimizer, trial.learning_rate))
        x = torch.rand(trial.batch_size, trial.layers[0])
        y = torch.rand(trial.batch_size, trial.layers[-1])
        step(x, y)
        with FlopCounterMode(display=False) as counter:
            step(x, y)
        return [counter.get_total_flops()]
    stepper = Trainer(trial).stepper
    counts = []
    for level in range(trial.L + 1):
        stepper.move_to(level)
        x = torch.rand(trial.batch_size, stepper.resolution())
        with FlopCounterMode(display=False) as counter:
            stepper.step(x, x)
        counts.append(counter.get_total_flops())
    return counts
