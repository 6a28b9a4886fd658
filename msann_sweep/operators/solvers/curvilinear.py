"""Wen & Yin's feasible curvilinear search: steps along Cayley transforms stay on the manifold."""

from __future__ import annotations

import numpy as np

from msann_sweep.operators.objective import ProlongationObjective
from msann_sweep.operators.operator import FloatArray
from msann_sweep.operators.solvers.stiefel import (
    CONVERGED,
    GRADIENT_TOLERANCE,
    NO_DESCENT,
    OUT_OF_ITERATIONS,
    Solution,
    nearest,
    riemannian,
)

SUFFICIENT_DECREASE = 1e-4
# How slowly the reference value of the non-monotone line search forgets (Zhang & Hager's η).
MEMORY = 0.85
SMALLEST_STEP, LARGEST_STEP = 1e-16, 1e10


def curvilinear(problem: ProlongationObjective, start: FloatArray, max_iterations: int) -> Solution:
    """Barzilai-Borwein steps along Y(τ) = (I + τA/2)⁻¹(I − τA/2)P, A = ∇E Pᵀ − P ∇Eᵀ."""
    P, value, gradient = start, problem.value(start), problem.gradient(start)
    tangent = _descent(P, gradient)
    reference, weight = value, 1.0
    step = 1.0 / max(float(np.linalg.norm(tangent)), 1.0)
    for iteration in range(max_iterations):
        if np.linalg.norm(riemannian(P, gradient)) < GRADIENT_TOLERANCE:
            return Solution(nearest(P), iteration, CONVERGED)
        slope = 0.5 * _skew_norm2(P, gradient)
        trial = _cayley(P, gradient, step)
        trial_value = problem.value(trial)
        while trial_value > reference - SUFFICIENT_DECREASE * step * slope:
            step /= 2
            if step < SMALLEST_STEP:
                return Solution(nearest(P), iteration, NO_DESCENT)
            trial = _cayley(P, gradient, step)
            trial_value = problem.value(trial)
        new_gradient = problem.gradient(trial)
        new_tangent = _descent(trial, new_gradient)
        step = _barzilai_borwein(trial - P, new_tangent - tangent, iteration)
        P, value, gradient, tangent = trial, trial_value, new_gradient, new_tangent
        new_weight = MEMORY * weight + 1
        reference = (MEMORY * weight * reference + value) / new_weight
        weight = new_weight
    return Solution(nearest(P), max_iterations, OUT_OF_ITERATIONS)


def _descent(P: FloatArray, gradient: FloatArray) -> FloatArray:
    """A P = ∇E PᵀP − P ∇EᵀP: minus the direction in which Y(τ) leaves P."""
    direction: FloatArray = gradient @ (P.T @ P) - P @ (gradient.T @ P)
    return direction


def _skew_norm2(P: FloatArray, gradient: FloatArray) -> float:
    """‖A‖², from n₁ × n₁ products only: twice the rate at which E falls along Y at τ = 0."""
    mixed = P.T @ gradient
    return 2 * float(np.vdot(gradient.T @ gradient, P.T @ P) - np.vdot(mixed, mixed.T))


def _cayley(P: FloatArray, gradient: FloatArray, step: float) -> FloatArray:
    """Y(τ) through a 2n₁ × 2n₁ system: A = UVᵀ with U = [∇E, P] and V = [P, −∇E]."""
    U, V = np.hstack([gradient, P]), np.hstack([P, -gradient])
    small = np.eye(U.shape[1]) + step / 2 * (V.T @ U)
    moved: FloatArray = P - step * (U @ np.linalg.solve(small, V.T @ P))
    return moved


def _barzilai_borwein(moved: FloatArray, changed: FloatArray, iteration: int) -> float:
    """The two Barzilai-Borwein steps in turn."""
    product = abs(float(np.vdot(moved, changed)))
    if product == 0:
        return LARGEST_STEP
    if iteration % 2:
        step = product / float(np.vdot(changed, changed))
    else:
        step = float(np.vdot(moved, moved)) / product
    return min(max(step, SMALLEST_STEP), LARGEST_STEP)
