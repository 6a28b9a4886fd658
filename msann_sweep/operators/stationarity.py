"""Is a prolongation map a critical point of the objective, and of what kind? By computation."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
import numpy.typing as npt

from msann_sweep.operators.objective import ProlongationObjective
from msann_sweep.operators.operator import FloatArray
from msann_sweep.operators.solvers.stiefel import riemannian

# Relative to the size of the Euclidean gradient and of the largest curvature.
FLAT = 1e-7


@dataclass(frozen=True)
class Stationarity:
    """First and second order at a point of the Stiefel manifold.

    ``gradient_norm`` is the Riemannian gradient's, ``scale`` the Euclidean one's. ``curvatures``
    are the Riemannian Hessian's eigenvalues, ascending; ``kind`` is "minimum" (no direction
    descends; flat ones may be there), "saddle", "maximum" or "not critical".
    """

    gradient_norm: float
    scale: float
    curvatures: FloatArray
    kind: str


def stationarity(
    P: npt.ArrayLike,
    g1: nx.Graph,
    g2: nx.Graph,
    *,
    s: float,
    alpha: float | None = None,
    beta: float | None = None,
) -> Stationarity:
    """First- and second-order conditions at an orthonormal P, shape (n₂, n₁), of eq. 3.3.

    Takes the Riemannian Hessian's whole spectrum: meant for n₁n₂ up to about 1,000. Raises
    OperatorError as :class:`ProlongationObjective`, and for a wrong shape or NaN.
    """
    problem = ProlongationObjective(g1, g2, s=s, alpha=alpha, beta=beta)
    point: FloatArray = problem.checked(P)
    gradient = problem.gradient(point)
    norm = float(np.linalg.norm(riemannian(point, gradient)))
    scale = float(np.linalg.norm(gradient))
    hessian = _hessian_matrix(problem, point, gradient)
    curvatures = np.linalg.eigvalsh(hessian).astype(np.float64)
    return Stationarity(norm, scale, curvatures, _kind(norm, scale, curvatures))


def _kind(norm: float, scale: float, curvatures: FloatArray) -> str:
    if norm > FLAT * max(scale, 1.0):
        return "not critical"
    flat = FLAT * max(float(np.abs(curvatures).max(initial=0.0)), 1.0)
    if curvatures.min(initial=0.0) >= -flat:
        return "minimum"
    return "maximum" if curvatures.max(initial=0.0) <= flat else "saddle"


def _hessian_matrix(
    problem: ProlongationObjective, P: FloatArray, gradient: FloatArray
) -> FloatArray:
    """Hess[V] = Proj(∇²E[V] − V sym(PᵀG)) in an orthonormal basis of the tangent space at P."""
    inner = P.T @ gradient
    symmetric = (inner + inner.T) / 2
    basis = _tangent_basis(P)
    applied = [problem.hessian(P, V) - V @ symmetric for V in basis]
    columns = np.array([riemannian(P, A).ravel() for A in applied])
    matrix = np.array([V.ravel() for V in basis]) @ columns.T
    hessian: FloatArray = (matrix + matrix.T) / 2
    return hessian


def _tangent_basis(P: FloatArray) -> list[FloatArray]:
    """P Ω for antisymmetric Ω, and P⊥ K: orthonormal matrices spanning the tangent space."""
    n2, n1 = P.shape
    basis = []
    for i in range(n1):
        for j in range(i):
            V = np.zeros((n2, n1))
            V[:, i], V[:, j] = P[:, j], -P[:, i]
            basis.append(V / 2**0.5)
    normal = np.linalg.svd(P)[0][:, n1:]
    for column in normal.T:
        for j in range(n1):
            V = np.zeros((n2, n1))
            V[:, j] = column
            basis.append(V)
    return basis
