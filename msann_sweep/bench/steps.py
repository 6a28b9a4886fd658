"""Seconds of one training step: plain PyTorch, and the exact and Galerkin steps at each level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from msann_sweep.bench.plain import plain_network, plain_optimizers, plain_step
from msann_sweep.operators import OperatorSet, build_operators
from msann_sweep.training.cost import parameter_count
from msann_sweep.training.cuda_graphs import Step, fastest_step
from msann_sweep.training.network import new_parameters
from msann_sweep.training.optimizer import OPTIMIZERS
from msann_sweep.training.single import threads
from msann_sweep.training.stepper import STEPPERS, Stepper

LEARNING_RATE = 1e-3
# Rounds take turns between what is compared, so that a busy moment of the machine hits all.
ROUNDS, STEPS_PER_ROUND = 9, 12


def measure_steps(
    layers: Sequence[int],
    L: int,
    batch_size: int,
    strategy: str,
    n_threads: int = 1,
    device: str = "cpu",
) -> dict[str, Any]:
    """The least seconds per step over rounds in turn, as ``bench steps --json`` prints them.

    ``exact_leaving_s`` is what a visit with exact steps takes once, when its level is left.
    ``galerkin_s`` is None for strategies that do not aggregate. Raises OperatorError as
    :func:`build_operators`.
    """
    operators = build_operators(layers, L, strategy)
    aggregates = all(operators.folded_order(j) is not None for j in range(len(layers)))
    kinds = ("exact", "galerkin") if aggregates else ("exact",)
    steppers = {kind: _stepper(kind, operators, batch_size, device) for kind in kinds}
    with threads(n_threads):
        runs: dict[tuple[str, int], Callable[[], None]] = {
            ("plain", 0): _plain_step(layers, batch_size, device)
        }
        for name, stepper in steppers.items():
            step = fastest_step(stepper)
            for level in range(L + 1):
                runs[name, level] = _level_step(stepper, step, level, batch_size)
        wait = torch.cuda.synchronize if device == "cuda" else lambda: None
        least = _least_seconds(runs, wait)
        leaving_s = {
            (name, level): _leaving_s(run, steppers[name], wait)
            for (name, level), run in runs.items()
            if name == "exact"
        }
    return {
        "plain_fine_s": least["plain", 0],
        "batch_size": batch_size,
        "levels": [
            {
                "level": level,
                "exact_s": least["exact", level],
                "exact_leaving_s": leaving_s["exact", level],
                "galerkin_s": least.get(("galerkin", level)),
                "cost_share": parameter_count(sizes) / parameter_count(layers),
            }
            for level, sizes in enumerate(operators.sizes)
        ],
        "layers": list(layers),
        "strategy": strategy,
        "threads": n_threads,
        "torch": torch.__version__,
    }


def _least_seconds(
    runs: dict[tuple[str, int], Callable[[], None]], wait: Callable[[], None]
) -> dict[tuple[str, int], float]:
    least = dict.fromkeys(runs, float("inf"))
    for _ in range(ROUNDS):
        for name, run in runs.items():
            run()
            wait()
            started_s = perf_counter()
            for _ in range(STEPS_PER_ROUND):
                run()
            wait()
            least[name] = min(least[name], (perf_counter() - started_s) / STEPS_PER_ROUND)
    return least


def _leaving_s(run: Callable[[], None], stepper: Stepper, wait: Callable[[], None]) -> float:
    """The least seconds of going to level 0 after two steps at the level of ``run``."""
    least = float("inf")
    for _ in range(ROUNDS):
        run()
        run()
        wait()
        started_s = perf_counter()
        stepper.move_to(0)
        wait()
        least = min(least, perf_counter() - started_s)
    return least


def _plain_step(layers: Sequence[int], batch_size: int, device: str) -> Callable[[], None]:
    network = plain_network(layers).to(device)
    step = plain_step(network, plain_optimizers(network, "rmsprop", LEARNING_RATE))
    x = _examples(batch_size, layers[0]).to(device)
    return lambda: step(x, x)


def _level_step(stepper: Stepper, step: Step, level: int, batch_size: int) -> Callable[[], None]:
    stepper.move_to(level)
    x = _examples(batch_size, stepper.resolution()).to(stepper.theta.device)
    stepper.move_to(0)

    def step_there() -> None:
        if stepper.level != level:
            stepper.move_to(level)
        step(x, x)

    return step_there


def _stepper(name: str, operators: OperatorSet, batch_size: int, device: str) -> Stepper:
    theta = new_parameters(operators.sizes[0], torch.empty(0))
    theta = theta.normal_(std=0.05, generator=torch.Generator().manual_seed(0)).to(device)
    optimizers = [OPTIMIZERS["rmsprop"](sizes, LEARNING_RATE, theta) for sizes in operators.sizes]
    return STEPPERS[name](operators, theta, optimizers, batch_size)


def _examples(batch_size: int, n_units: int) -> Tensor:
    return torch.rand(batch_size, n_units, generator=torch.Generator().manual_seed(1))
