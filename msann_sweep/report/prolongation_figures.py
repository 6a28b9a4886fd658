"""Pictures and tables of prolongation maps: Figures 2, 3 and SM1 of the paper."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from msann_sweep.operators import lineage, objective, optimize_circulant, optimize_prolongation
from msann_sweep.operators.operator import Aggregation, FloatArray, Operator

# The paper's scales (Section 3.2.1), at which Figure SM1 trades the two terms.
ALPHA = 1.0
METHODS = ("trust-regions", "conjugate-gradient", "projected-gradient", "curvilinear")
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000")
MARKERS = ("o", "s", "^", "v", "x")


class TradeoffPoint(NamedTuple):
    """One solver's result for one size and s: both terms, unweighted."""

    n: int
    method: str
    s: float
    diffusion: float
    locality: float
    iterations: int
    stop_reason: str


def tradeoff(sizes: Sequence[int], steps: int, max_iterations: int) -> Iterator[TradeoffPoint]:
    """Figure SM1: cycles from n to 2n as s runs from 0 to 1, at α = 1 and β = n₁/n₂.

    Every method starts from the matching; "circulant" is the exact best translation-invariant map.
    """
    for n in sizes:
        g1, g2 = nx.cycle_graph(n), nx.cycle_graph(2 * n)
        for s in np.linspace(0, 1, steps).tolist():
            scales = {"s": s, "alpha": ALPHA, "beta": 0.5}
            for method in METHODS:
                found = optimize_prolongation(
                    g1, g2, method=method, max_iterations=max_iterations, **scales
                )
                terms = found.value.diffusion, found.value.locality
                yield TradeoffPoint(n, method, s, *terms, found.iterations, found.stop_reason)
            exact = optimize_circulant("cycle", n, **scales).value
            yield TradeoffPoint(n, "circulant", s, exact.diffusion, exact.locality, 0, "exact")


def write_csv(points: Sequence[TradeoffPoint], file: Path) -> None:
    """One line a point, named by the fields of :class:`TradeoffPoint`."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(TradeoffPoint._fields)
        writer.writerows(points)


def draw_tradeoff(points: Sequence[TradeoffPoint], file: Path) -> None:
    """Figure SM1: a panel a size, locality against diffusion, a curve a method."""
    sizes = sorted({point.n for point in points})
    columns = min(len(sizes), 2)
    rows = -(-len(sizes) // columns)
    figure = Figure(figsize=(5.2 * columns, 4 * rows), layout="constrained")
    axes = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for panel, n in zip(axes, sizes, strict=False):
        for method, color, marker in zip((*METHODS, "circulant"), COLORS, MARKERS, strict=True):
            chosen = [p for p in points if p.n == n and p.method == method]
            diffusion, locality = [p.diffusion for p in chosen], [p.locality for p in chosen]
            panel.plot(diffusion, locality, color=color, marker=marker, ms=5, lw=1, label=method)
        panel.set_title(f"cycles, {n} to {2 * n} vertices")
        panel.set_xlabel("diffusion term (unweighted)")
        panel.set_ylabel("locality term (unweighted)")
    for unused in axes[len(sizes) :]:
        unused.set_visible(False)
    axes[0].legend(fontsize=8)
    figure.suptitle("Locality against diffusion as s runs from 0 to 1 (Figure SM1)")
    figure.savefig(file, dpi=130)


def draw_transition(level: int, steps: int, max_iterations: int, file: Path) -> None:
    """Figure 2: |P| between two grids, from fully diffuse (s = 0) to fully local (s = 1)."""
    g1, g2 = lineage("grid", level + 1)[level:]
    figure = Figure(figsize=(2.1 * steps, 4.6), layout="constrained")
    for panel, s in zip(figure.subplots(1, steps), np.linspace(0, 1, steps), strict=True):
        found = optimize_prolongation(
            g1, g2, s=float(s), alpha=ALPHA, beta=len(g1) / len(g2), max_iterations=max_iterations
        )
        _draw(panel, found.P)
        panel.set_title(f"s = {s:.2f}\n{found.value.total:.4g}", fontsize=9)
    side = 2**level
    figure.suptitle(f"Optimal P from a {side}×{side} to a {2 * side}×{2 * side} grid (Figure 2)")
    figure.savefig(file, dpi=130)


def draw_maps(maps: dict[str, FloatArray], title: str, file: Path) -> None:
    """Figure 3: one map a column, black where its entries are largest in absolute value."""
    width = sum(0.4 + 3.6 * P.shape[1] / P.shape[0] for P in maps.values())
    figure = Figure(figsize=(max(width, 4), 4.6), layout="constrained")
    for panel, (name, P) in zip(
        np.ravel(figure.subplots(1, len(maps), squeeze=False)), maps.items(), strict=True
    ):
        _draw(panel, P)
        panel.set_title(name.replace("_", "\n"), fontsize=8)
    figure.suptitle(title)
    figure.savefig(file, dpi=130)


def largest_of_blocks(operator: Operator, side: int) -> FloatArray:
    """P by blocks of side × side units, shape (⌈n_fine/side⌉, ⌈n_coarse/side⌉).

    Each block is its entry of largest absolute value. A few columns of P are made at a time: all
    of them, of a large layer, would fill the memory.
    """
    n_coarse, rows = operator.n_coarse, np.arange(0, operator.n_fine, side)
    if isinstance(operator, Aggregation):
        blocks = np.zeros((len(rows), -(-n_coarse // side)))
        ascending = np.argsort(np.abs(operator.weights))
        place = ascending // side, operator.labels[ascending] // side
        blocks[place] = operator.weights[ascending]  # the last one of a block stays
        return blocks
    columns = []
    for start in range(0, n_coarse, side):
        P = operator.prolong(np.eye(min(side, n_coarse - start), n_coarse, start))
        high = np.maximum.reduceat(P.max(axis=0), rows)
        low = np.minimum.reduceat(P.min(axis=0), rows)
        columns.append(np.where(high >= -low, high, low))
    return np.stack(columns, axis=1)


def _draw(panel: Axes, P: FloatArray) -> None:
    panel.imshow(np.abs(P), cmap="gray_r", vmin=0, interpolation="nearest")
    panel.set_xlabel("coarse")
    panel.set_ylabel("fine")
    panel.set_xticks([])
    panel.set_yticks([])


def terms_at(P: FloatArray, g1: nx.Graph, g2: nx.Graph) -> dict[str, float]:
    """Both terms with profiled scales and at the paper's, orthonormality error, share of zeros."""
    profiled = objective(P, g1, g2, s=0.5)
    fixed = objective(P, g1, g2, s=0.5, alpha=ALPHA, beta=len(g1) / len(g2))
    return {
        "diffusion": fixed.diffusion,
        "locality": fixed.locality,
        "diffusion, profiled": profiled.diffusion,
        "locality, profiled": profiled.locality,
        "orthonormality error": float(np.abs(P.T @ P - np.eye(P.shape[1])).max()),
        "zeros": float(np.mean(np.abs(P) < 1e-12)),
    }
