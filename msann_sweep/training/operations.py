"""Floating-point operations of a trial: those of the matrix products of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from msann_sweep.config import TrialConfig
from msann_sweep.config.hyperparameters import AGGREGATIONS
from msann_sweep.operators import grid_shape
from msann_sweep.training.newton_schulz import operations, uses_bf16
from msann_sweep.training.prolongation_work import at_once, by_batches, waiting_pays
from msann_sweep.training.result import Row, find_crossing

# Strategies whose P is a full matrix, and a product of two; the others need no multiplications.
DENSE, KRONECKER = ("random", "optimized"), ("product",)


def level_sizes(trial: TrialConfig, level: int) -> tuple[int, ...]:
    """Units of each layer at a level: halved at each, down to one."""
    layers = enumerate(trial.layers)
    return tuple(n if j in trial.kept_layers else max(1, n >> level) for j, n in layers)


def operations_per_step(trial: TrialConfig, *, bf16_cpu: bool) -> list[float]:
    """Operations of the matrix products of one step at each level, optimiser included.

    A product of an (a, b) by a (b, c) matrix has 2abc. What is done once a visit is shared out to
    its k steps. With the schedule "simultaneous" a step trains all levels at once: all of it counts
    at level 0, and nothing at the others. ``bf16_cpu``: the trial's CPU multiplies bf16, where Muon
    has more operations (and takes less time).
    """
    levels = range(trial.L + 1)
    sizes = [level_sizes(trial, level) for level in levels]
    updates = [_update(trial, each, bf16_cpu) + _transfer(trial, each) for each in sizes]
    if trial.schedule == "simultaneous":
        return [_propagation(trial, sizes[0]) + sum(updates), *([0.0] * trial.L)]
    galerkin = trial.coarse_step == "galerkin"
    propagated = [sizes[level] if galerkin else sizes[0] for level in levels]
    pairs = zip(propagated, updates, strict=True)
    return [_propagation(trial, through) + update for through, update in pairs]


def _products(sizes: Sequence[int]) -> list[int]:
    return [n_in * n_out for n_in, n_out in pairwise(sizes)]


def _propagation(trial: TrialConfig, sizes: Sequence[int]) -> int:
    """Forwards through all layers, backwards through all but the first."""
    products = _products(sizes)
    return 2 * trial.batch_size * (2 * sum(products) - products[0])


def _update(trial: TrialConfig, sizes: Sequence[int], bf16_cpu: bool) -> int:
    """The gradient, and the optimiser's own products."""
    total = 2 * trial.batch_size * sum(_products(sizes))
    if trial.optimizer == "muon":
        total += sum(_orthogonalization(trial, *pair, bf16_cpu) for pair in pairwise(sizes))
    return total


def _orthogonalization(trial: TrialConfig, n_in: int, n_out: int, bf16_cpu: bool) -> int:
    in_bf16 = uses_bf16(min(n_in, n_out), trial.device, bf16_cpu)
    return operations(n_in, n_out, float32=trial.precision == "float32" and not in_bf16)


def _transfer(trial: TrialConfig, sizes: Sequence[int]) -> float:
    """Units and deltas restricted, the update prolonged at once or (``exact_level``) in the end."""
    fine, k = trial.layers, trial.k
    pairs = zip(fine, sizes, strict=True)
    maps = [_map_products(trial.prolongation, *pair) for pair in pairs]
    restrict, prolong = zip(*maps, strict=True)
    restricted = trial.batch_size * sum(map(sum, pairwise(restrict)))
    once = at_once(fine, sizes, prolong)
    if not _waits(trial, sizes, prolong):
        return 2 * (restricted + once)
    passed = by_batches(sizes, prolong, trial.batch_size)
    return 2 * (restricted + ((k - 1) * passed + once) / k)


def _waits(trial: TrialConfig, sizes: Sequence[int], prolong: Sequence[int]) -> bool:
    exact_visits = trial.schedule != "simultaneous" and tuple(sizes) != tuple(trial.layers)
    if trial.device != "cpu" or trial.prolongation in AGGREGATIONS or not exact_visits:
        return False
    return waiting_pays(trial.layers, sizes, prolong, trial.batch_size)


def _map_products(strategy: str, fine: int, coarse: int) -> tuple[int, int]:
    """Multiplications to restrict and to prolong one vector, see ``layer_maps``."""
    if fine == coarse:
        return 0, 0
    if strategy in DENSE:
        return fine * coarse, fine * coarse
    if strategy in KRONECKER:
        (f1, f2), (c1, c2) = grid_shape(fine), grid_shape(coarse)
        across, along = f1 != c1, f2 != c2
        return (
            along * f1 * f2 * c2 + across * c2 * f1 * c1,
            along * c1 * f2 * c2 + across * f2 * f1 * c1,
        )
    return 0, 0


def operations_to_target(
    curve: Sequence[Row],
    per_step: Sequence[float],
    target: float,
    accuracy: float | None = None,
) -> float | None:
    """Operations up to where the curve crosses the target; None where it does not."""
    crossing = find_crossing(curve, target, accuracy)
    return operations_at(curve, per_step, crossing.cost) if crossing else None


def operations_at(curve: Sequence[Row], per_step: Sequence[float], cost: float) -> float:
    """Operations of the training steps up to that cost, linear in it between evaluations."""
    spent = [float(np.dot(per_step, row["steps_per_level"])) for row in curve]
    return float(np.interp(cost, [row["cost"] for row in curve], spent))
