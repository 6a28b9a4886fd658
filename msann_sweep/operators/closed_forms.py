"""Prolongation maps stated as formulae for any size (Section 3.3.3 and Figure 3).

They were found by optimising small problems. On cycles two facts explain them all. First, at the
paper's scale β = n₁/n₂ = 1/2 the two aliases of every coarse frequency weigh the same in the
locality term, so that *every* orthonormal P that commutes with translations is a critical point of
it, and all have the same value; which of them is best, only a profiled β tells. Secondly, a map
that sends eigenvectors of L₁ to eigenvectors of L₂ is a critical point of the diffusion term at
any α.
Grids are periodic; their maps are Kronecker products of two maps of cycles, vertices row by row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from msann_sweep.errors import OperatorError
from msann_sweep.operators.operator import FloatArray

HALF = 0.5**0.5
DAUBECHIES = np.array([1 + 3**0.5, 3 + 3**0.5, 3 - 3**0.5, 1 - 3**0.5]) / (4 * 2**0.5)


@dataclass(frozen=True)
class Species:
    """One family of closed forms: ``build(n)`` is P from n to 2n vertices, for n >= ``smallest``.

    It is a critical point of the locality term (``s`` = 1) at the fixed ``beta``, or of the
    diffusion term (``s`` = 0) at α = 1.
    """

    s: int
    build: Callable[[int], FloatArray]
    smallest: int
    beta: float | None = None


def filter_matrix(kernel: FloatArray) -> FloatArray:
    """P, shape (2n, n), whose column j is ``kernel``, shape (2n,), moved on by 2j vertices."""
    n_fine = len(kernel)
    P: FloatArray = kernel[(np.arange(n_fine)[:, None] - 2 * np.arange(n_fine // 2)) % n_fine]
    return P


def pair(n: int) -> FloatArray:
    """P[2i, i] = P[2i+1, i] = 1/√2: neighbours in pairs (Figure 3, cycles, column 3)."""
    return np.kron(np.eye(n), np.full((2, 1), HALF))


def injection(n: int) -> FloatArray:
    """P[2i, i] = 1: every second vertex."""
    return np.kron(np.eye(n), np.array([[1.0], [0.0]]))


def four_point(n: int) -> FloatArray:
    """Daubechies' filter over four vertices, (1+√3, 3+√3, 3−√3, 1−√3)/(4√2), on the circle."""
    kernel = np.zeros(2 * n)
    kernel[:4] = DAUBECHIES
    return filter_matrix(kernel)


def band_limited(n: int, shift: float = 0.0) -> FloatArray:
    """Trigonometric interpolation times 1/√2: coarse frequency j to fine frequency j, |j| <= n/2.

    At even n the coarse frequency n/2 goes half to fine n/2 and half to −n/2. ``shift`` moves the
    interpolation points by that many fine vertices.
    """
    frequency = np.fft.fftfreq(2 * n, 1 / (2 * n))
    passed = (2 * np.abs(frequency) < n) + HALF * (2 * np.abs(frequency) == n)
    turned = passed * np.exp(-1j * np.pi * frequency * shift / n)
    return filter_matrix(np.fft.ifft(2**0.5 * turned).real)


def band_limited_shifted(n: int) -> FloatArray:
    """``band_limited`` with its points half-way between the vertices of each pair."""
    return band_limited(n, shift=0.5)


def alternating(n: int) -> FloatArray:
    """``band_limited`` times (−1)^i: the highest fine frequencies instead of the lowest."""
    P: FloatArray = np.where(np.arange(2 * n) % 2, -1.0, 1.0)[:, None] * band_limited(n)
    return P


def cover(n: int) -> FloatArray:
    """P[i, i mod n] = 1/√2: C₂ₙ winds twice round Cₙ. Zero diffusion at α = 1 (Corollary SM1.2)."""
    return np.kron(np.full((2, 1), HALF), np.eye(n))


def fold(n: int) -> FloatArray:
    """P[i, i] = P[2n−1−i, i] = 1/√2: a path folded on itself. Zero diffusion at α = 1."""
    P: FloatArray = HALF * np.vstack([np.eye(n), np.eye(n)[::-1]])
    return P


def cosines(n: int, count: int) -> FloatArray:
    """The first ``count`` eigenvectors of a path's Laplacian, shape (n, count): a cosine basis."""
    frequency = np.arange(count)
    basis = np.cos(np.pi * frequency * (np.arange(n)[:, None] + 0.5) / n)
    orthonormal: FloatArray = basis * np.sqrt(np.where(frequency == 0, 1, 2) / n)
    return orthonormal


def path_band_limited(n: int) -> FloatArray:
    """The j-th cosine of the coarse path to the j-th of the fine one."""
    P: FloatArray = cosines(2 * n, n) @ cosines(n, n).T
    return P


def _product(
    first: Callable[[int], FloatArray], second: Callable[[int], FloatArray]
) -> Callable[[int], FloatArray]:
    def build(n: int) -> FloatArray:
        return np.kron(first(n), second(n)).astype(np.float64)

    return build


# Local maps of grids must keep constants constant in each direction, which injection does not.
FAMILIES: dict[str, dict[str, Species]] = {
    "cycle": {
        "pair": Species(1, pair, 1, beta=1 / 2),
        "four_point": Species(1, four_point, 2, beta=1 / 2),
        "injection": Species(1, injection, 1, beta=1 / 2),
        "cover": Species(0, cover, 3),
        "band_limited": Species(0, band_limited, 3),
        "band_limited_shifted": Species(0, band_limited_shifted, 3),
        "alternating": Species(0, alternating, 3),
    },
    "path": {
        "pair": Species(1, pair, 1, beta=1 / 2),
        "fold": Species(0, fold, 1),
        "band_limited": Species(0, path_band_limited, 1),
    },
    "grid": {
        "blocks": Species(1, _product(pair, pair), 3, beta=1 / 4),
        "four_point": Species(1, _product(four_point, four_point), 3, beta=1 / 4),
        "pair_four_point": Species(1, _product(pair, four_point), 3, beta=1 / 4),
        "pair_band_limited": Species(1, _product(pair, band_limited), 3, beta=1 / 4),
        "four_point_band_limited": Species(1, _product(four_point, band_limited), 3, beta=1 / 4),
        "shifted_band_limited": Species(
            1, _product(band_limited_shifted, band_limited), 3, beta=1 / 4
        ),
        "cover": Species(0, _product(cover, cover), 3),
        "cover_band_limited": Species(0, _product(cover, band_limited), 3),
        "band_limited": Species(0, _product(band_limited, band_limited), 3),
        "alternating": Species(0, _product(alternating, alternating), 3),
    },
}


def closed_form_species(family: str) -> tuple[str, ...]:
    """Names of the species of a family: cycle, path or grid (periodic).

    Raises OperatorError for another family.
    """
    if family not in FAMILIES:
        raise OperatorError(f"family: got {family!r}; allowed: {', '.join(FAMILIES)}")
    return tuple(FAMILIES[family])


def species(family: str, name: str) -> Species:
    """One species. Raises OperatorError for an unknown family or name."""
    names = closed_form_species(family)
    if name not in names:
        close = get_close_matches(name, names, 1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise OperatorError(f"species of {family}: got {name!r}; allowed: {', '.join(names)}{hint}")
    return FAMILIES[family][name]


def closed_form(family: str, species_name: str, n: int) -> FloatArray:
    """P from n to 2n vertices, shape (2n, n); for grids from n × n to 2n × 2n, shape (4n², n²).

    Raises OperatorError for an unknown family or species, or an n below the species' smallest.
    """
    found = species(family, species_name)
    if n < found.smallest:
        raise OperatorError(
            f"{family} {species_name}: got n = {n}; allowed: at least {found.smallest}"
        )
    return found.build(n)
