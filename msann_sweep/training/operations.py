"""Floating-point operations of a trial: those of the matrix products of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from msann_sweep.config import TrialConfig
from msann_sweep.config.hyperparameters import AGGREGATIONS
from msann_sweep.training.optimizer import Muon
from msann_sweep.training.result import Row, find_crossing


def level_sizes(trial: TrialConfig, level: int) -> tuple[int, ...]:
    """Units of each layer at a level: halved at each, down to one."""
    layers = enumerate(trial.layers)
    return tuple(n if j in trial.kept_layers else max(1, n >> level) for j, n in layers)


def operations_per_step(trial: TrialConfig) -> list[int]:
    """Operations of the matrix products of one step at each level, optimiser included.

    A product of an (a, b) by a (b, c) matrix has 2abc. With the schedule "simultaneous" a step
    trains all levels at once: all of it counts at level 0, and nothing at the others.
    """
    levels = range(trial.L + 1)
    sizes = [level_sizes(trial, level) for level in levels]
    updates = [_update(trial, sizes[level], level) for level in levels]
    if trial.schedule == "simultaneous":
        return [_propagation(trial, sizes[0]) + sum(updates), *([0] * trial.L)]
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


def _update(trial: TrialConfig, sizes: Sequence[int], level: int) -> int:
    """The gradient, the optimiser's own products, and what a dense P costs on both ways."""
    total = 2 * trial.batch_size * sum(_products(sizes))
    if trial.optimizer == "muon":
        total += sum(_orthogonalization(*pair) for pair in pairwise(sizes))
    if level > 0 and trial.prolongation not in AGGREGATIONS:
        layers = zip(pairwise(trial.layers), pairwise(sizes), strict=True)
        total += sum(_dense_transfer(trial.batch_size, fine, coarse) for fine, coarse in layers)
    return total


def _orthogonalization(n_in: int, n_out: int) -> int:
    small, large = sorted((n_in, n_out))
    return Muon.ITERATIONS * 2 * (2 * small * small * large + small**3)


def _dense_transfer(batch_size: int, fine: tuple[int, int], coarse: tuple[int, int]) -> int:
    """Units and deltas of a layer restricted, its update prolonged: W += P_in V P_outᵀ."""
    (n_in, n_out), (m_in, m_out) = fine, coarse
    restricted = batch_size * (n_in * m_in + n_out * m_out)
    return 2 * (restricted + n_in * m_in * m_out + n_in * m_out * n_out)


def operations_to_target(
    curve: Sequence[Row],
    per_step: Sequence[int],
    target: float,
    accuracy: float | None = None,
) -> float | None:
    """Operations up to where the curve crosses the target; None where it does not.

    Between two evaluations they are taken to be linear in cost.
    """
    crossing = find_crossing(curve, target, accuracy)
    if crossing is None:
        return None
    spent = [float(np.dot(per_step, row["steps_per_level"])) for row in curve]
    return float(np.interp(crossing.cost, [row["cost"] for row in curve], spent))
