"""The Stiefel manifold of matrices with PᵀP = I, as far as the solvers here need it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from msann_sweep.operators.operator import FloatArray

# Every method stops when the Riemannian gradient's Frobenius norm is below this.
GRADIENT_TOLERANCE = 1e-6
CONVERGED = f"gradient norm below {GRADIENT_TOLERANCE:g}"
OUT_OF_ITERATIONS = "iterations used up"
NO_DESCENT = "no step descends any further"


class Solution(NamedTuple):
    """Where a solver ended, after how many iterations, and why."""

    P: FloatArray
    iterations: int
    stop_reason: str


def nearest(X: FloatArray) -> FloatArray:
    """The orthonormal matrix nearest to X, shape (n, p): its polar factor."""
    U, _, Vt = np.linalg.svd(X, full_matrices=False)
    orthonormal: FloatArray = U @ Vt
    return orthonormal


def riemannian(P: FloatArray, gradient: FloatArray) -> FloatArray:
    """A Euclidean gradient projected to the tangent space at P: G − P sym(PᵀG)."""
    inner = P.T @ gradient
    tangent: FloatArray = gradient - P @ ((inner + inner.T) / 2)
    return tangent


def random_orthonormal(n: int, p: int, rng: np.random.Generator) -> FloatArray:
    """Uniform (Haar) on the Stiefel manifold, shape (n, p)."""
    Q, R = np.linalg.qr(rng.standard_normal((n, p)))
    uniform: FloatArray = Q * np.sign(np.diag(R))
    return uniform
