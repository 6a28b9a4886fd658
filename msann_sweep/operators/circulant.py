"""Optimal translation-invariant prolongation for cycles and periodic grids, in Fourier space.

If P commutes with translations (one coarse vertex, two fine ones), it is a filter: in the Fourier
basis, coarse frequency j meets only its aliases j + n·a (a in {0, 1}^d) among the fine frequencies,
with amplitudes u_ja, Σ_a |u_ja|² = 1. L and T are diagonal there: at fixed scales eq. 3.3 is

    Σ_j Σ_a |u_ja|² w_ja,   w_ja = (1−s)(l₁/√α − √α l₂)² + s(t₁/√β − √β t₂)²,

linear in |u_ja|²: a minimum sends each coarse frequency to its cheapest alias. Phases do not count;
the filter here has none and so is symmetric. At fixed scales this is exact. Profiled scales are
found by turns, cheapest aliases for the scales and best scales for the aliases, from several
first guesses: the best end of these, which no proof says is the global one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from msann_sweep.errors import OperatorError
from msann_sweep.operators.objective import ObjectiveValue
from msann_sweep.operators.operator import FloatArray

FIRST_SCALES = np.geomspace(0.05, 20.0, 15)
MOST_TURNS = 100
FAMILIES = {"cycle": 1, "periodic_grid": 2}


@dataclass(frozen=True)
class CirculantResult:
    """The best filter of one family and size.

    ``kernel``, shape (2n,) or (2n, 2n), is the first column of P on the fine cycle or grid.
    """

    kernel: FloatArray
    value: ObjectiveValue

    def matrix(self) -> FloatArray:
        """P, shape (2n, n) or (4n², n²): the kernel moved by two for each coarse vertex."""
        n_fine = self.kernel.shape[0]
        index = (np.arange(n_fine)[:, None] - 2 * np.arange(n_fine // 2)[None, :]) % n_fine
        P: FloatArray
        if self.kernel.ndim == 1:
            P = self.kernel[index]
        else:
            P = self.kernel[index[:, None, :, None], index[None, :, None, :]]
            P = P.reshape(n_fine**2, n_fine**2 // 4)
        return P


def optimize_circulant(
    family: str,
    n: int,
    *,
    s: float,
    alpha: float | None = None,
    beta: float | None = None,
) -> CirculantResult:
    """The best translation-invariant P from n to 2n (cycle) or n × n to 2n × 2n (periodic_grid).

    ``alpha`` and ``beta`` None are profiled out. Raises OperatorError for another family, n below
    3, s outside [0, 1] or a scale that is not positive.
    """
    _check(family, n, s, alpha, beta)
    l1, t1 = _spectra(n, FAMILIES[family])
    l2, t2 = (_by_alias(values, n) for values in _spectra(2 * n, FAMILIES[family]))
    best: tuple[float, FloatArray, ObjectiveValue] | None = None
    for scales in _guesses(alpha, beta):
        shares, value = _by_turns((l1, l2), (t1, t2), s, (alpha, beta), scales)
        if best is None or value.total < best[0]:
            best = value.total, shares, value
    assert best is not None
    return CirculantResult(_kernel(best[1], n), best[2])


def _by_turns(
    laplacians: tuple[FloatArray, FloatArray],
    distances: tuple[FloatArray, FloatArray],
    s: float,
    fixed: tuple[float | None, float | None],
    scales: tuple[float, float],
) -> tuple[FloatArray, ObjectiveValue]:
    """Cheapest aliases and best scales in turn, until the value falls no further."""
    last = math.inf
    for _ in range(MOST_TURNS):
        weights = (1 - s) * _weights(*laplacians, scales[0]) + s * _weights(*distances, scales[1])
        cheapest = weights.argmin(axis=0)
        shares = np.stack([cheapest == alias for alias in range(len(weights))])
        diffusion, a = _term(*laplacians, shares, fixed[0])
        locality, b = _term(*distances, shares, fixed[1])
        value = ObjectiveValue(diffusion, locality, (1 - s) * diffusion + s * locality, a, b)
        scales = a, b
        if value.total >= last:
            break
        last = value.total
    return shares.astype(np.float64), value


def _weights(coarse: FloatArray, fine: FloatArray, scale: float) -> FloatArray:
    """(x₁/√c − √c x₂)², shape (aliases, *frequencies)."""
    return (coarse / math.sqrt(scale) - math.sqrt(scale) * fine) ** 2


def _term(
    coarse: FloatArray, fine: FloatArray, shares: FloatArray, scale: float | None
) -> tuple[float, float]:
    """One term of the objective for given shares |u|², at its best scale if none is given."""
    a2 = float((coarse**2).sum())
    b2 = float((shares * fine**2).sum())
    m = float((shares * coarse * fine).sum())
    if scale is None:
        scale = math.sqrt(a2 / b2) if a2 > 0 and b2 > 0 else 1.0
    return max(a2 / scale - 2 * m + scale * b2, 0.0), scale


def _spectra(n: int, dimensions: int) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues of L and T by frequency, shape (n,) * dimensions."""
    vertex = np.arange(n)
    to_first = np.minimum(vertex, n - vertex).astype(np.float64)
    l_line = 2 * np.cos(2 * np.pi * vertex / n) - 2
    if dimensions == 1:
        return l_line, np.fft.fft(to_first).real
    distance = to_first[:, None] + to_first[None, :]
    return l_line[:, None] + l_line[None, :], np.fft.fft2(distance).real


def _by_alias(values: FloatArray, n: int) -> FloatArray:
    """Fine values as (aliases, *coarse frequencies)."""
    if values.ndim == 1:
        return values.reshape(2, n)
    return values.reshape(2, n, 2, n).transpose(0, 2, 1, 3).reshape(4, n, n)


def _kernel(shares: FloatArray, n: int) -> FloatArray:
    """The symmetric real filter with |u|² = shares, made even first (aliases that tie share)."""
    power: FloatArray
    if shares.ndim == 2:
        power = shares.reshape(2 * n)
    else:
        power = shares.reshape(2, 2, n, n).transpose(0, 2, 1, 3).reshape(2 * n, 2 * n)
    axes = tuple(range(power.ndim))
    mirrored = np.roll(np.flip(power, axes), 1, axes)
    response = np.sqrt((power + mirrored) / 2 * 2**power.ndim)
    kernel: FloatArray = np.fft.ifftn(response).real
    return kernel


def _guesses(alpha: float | None, beta: float | None) -> Iterator[tuple[float, float]]:
    for a in [alpha] if alpha else FIRST_SCALES:
        for b in [beta] if beta else FIRST_SCALES:
            yield float(a), float(b)


def _check(family: str, n: int, s: float, alpha: float | None, beta: float | None) -> None:
    if family not in FAMILIES:
        raise OperatorError(f"family: got {family!r}; allowed: {', '.join(FAMILIES)}")
    if n < 3:
        raise OperatorError(f"n: got {n}; allowed: at least 3 (shorter cycles are no circles)")
    if not 0 <= s <= 1:
        raise OperatorError(f"s: got {s}; allowed: 0 (diffusion only) to 1 (locality only)")
    for name, scale in (("alpha", alpha), ("beta", beta)):
        if scale is not None and not (0 < scale < math.inf):
            raise OperatorError(f"{name}: got {scale}; allowed: above 0, or None to profile it")
