"""Figures 3 to 7 of the paper, drawn from closed forms, schedules and recorded curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from msann_sweep.operators import closed_form, closed_form_species
from msann_sweep.operators.closed_forms import species
from msann_sweep.reproduce.tables import point
from msann_sweep.sweep.record import SweepDirectory, TrialRecord
from msann_sweep.sweep.sample import samples_of
from msann_sweep.sweep.summary import rank_by_cost
from msann_sweep.training import Row, cycle_schedule

DPI = 130
SIZES = {"cycle": "{0} to {1}", "path": "{0} to {1}", "grid": "{0}×{0} to {1}×{1}"}
STYLES = {
    "grid": ("#0072B2", "-"),
    "path": ("#009E73", "-"),
    "grid_shuffled": ("#D55E00", "--"),
    "random": ("#CC79A7", "--"),
    "simultaneous": ("#E69F00", ":"),
    "default": ("#000000", "-"),
}


def draw_species(sizes: Mapping[str, Sequence[int]], file: Path) -> None:
    """Figure 3: every closed form of each family, a column a species, a row a size of its graph."""
    names = {family: closed_form_species(family) for family in sizes}
    columns = max(len(each) for each in names.values())
    rows = sum(len(each) for each in sizes.values())
    figure = Figure(figsize=(1.5 * columns, 2.0 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel in np.ravel(panels):
        panel.set_axis_off()
    row = 0
    for family, family_sizes in sizes.items():
        for number, n in enumerate(family_sizes):
            for column, name in enumerate(names[family]):
                panel = panels[row, column]
                if number == 0:
                    term = "local" if species(family, name).s == 1 else "diffuse"
                    panel.set_title(f"{family}\n{name}\n({term})".replace("_", " "), fontsize=7)
                if n >= species(family, name).smallest:
                    label = SIZES[family].format(n, 2 * n)
                    _draw_map(panel, np.abs(closed_form(family, name, n)), label)
            row += 1
    figure.suptitle("|P| of the closed forms, by size of the graphs (Figure 3)")
    figure.savefig(file, dpi=DPI)


def _draw_map(panel: Axes, entries: np.ndarray, label: str) -> None:
    panel.set_axis_on()
    panel.imshow(entries, cmap="gray_r", interpolation="nearest", aspect="auto")
    panel.set_xticks([])
    panel.set_yticks([])
    panel.set_xlabel(label, fontsize=7)


def draw_schedules(gammas: Sequence[int], L: int, file: Path) -> None:
    """Figure 4: the levels that one cycle visits, a panel a γ."""
    figure = Figure(figsize=(9, 2.2 * len(gammas)), layout="constrained")
    for panel, gamma in zip(np.ravel(figure.subplots(len(gammas), 1)), gammas, strict=True):
        visits = cycle_schedule(gamma, L)
        panel.plot(visits, color="#0072B2", marker="o", ms=4, lw=1)
        panel.set_title(f"γ = {gamma}: {len(visits)} visits", fontsize=9)
        panel.set_ylabel("level (0: finest)")
        panel.set_yticks(range(L + 1))
        panel.invert_yaxis()
    panel.set_xlabel("visit, each of k batches")
    figure.suptitle(f"Levels visited by one cycle of a hierarchy of depth {L} (Figure 4)")
    figure.savefig(file, dpi=DPI)


def best_curves(
    directory: SweepDirectory, records: Sequence[TrialRecord]
) -> dict[tuple[int, int], list[Row]]:
    """By (γ, L) the curve of the trial best over k; plain training stands at (0, 0)."""
    best: dict[tuple[int, int], TrialRecord] = {}
    for sample in sorted(samples_of(records), key=rank_by_cost):
        at = point(sample.records[0])
        best.setdefault((at.gamma, at.L) if at else (0, 0), sample.records[0])
    return {key: directory.curve(record.id) for key, record in best.items()}


def draw_cost_curves(
    columns: Mapping[str, Mapping[tuple[int, int], Sequence[Row]]], title: str, file: Path
) -> None:
    """Figures 5 and 6: MSE against cost, a row of panels a γ, a column of them a task.

    ``columns`` are :func:`best_curves` by the column's heading.
    """
    gammas = sorted({gamma for curves in columns.values() for gamma, L in curves if L > 0})
    size = (5.2 * len(columns), 3.4 * len(gammas))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(gammas), len(columns), squeeze=False, sharex="col", sharey="col")
    for column, (heading, curves) in enumerate(columns.items()):
        for row, gamma in enumerate(gammas):
            panel = panels[row, column]
            _draw_depths(panel, curves, gamma)
            panel.set_title(f"{heading}, γ = {gamma}", fontsize=10)
            panel.set_ylabel("validation MSE")
        panel.set_xlabel("cost, in finest-level training examples")
    panels[0, 0].legend(fontsize=8)
    figure.suptitle(title)
    figure.savefig(file, dpi=DPI)


def _draw_depths(panel: Axes, curves: Mapping[tuple[int, int], Sequence[Row]], gamma: int) -> None:
    colors = colormaps["viridis"]
    plain = {(gamma, 0): curves[0, 0]} if (0, 0) in curves else {}
    chosen = {key: curve for key, curve in {**plain, **curves}.items() if key[0] == gamma}
    for (_, L), curve in sorted(chosen.items()):
        color = "black" if L == 0 else colors(1 - (L - 1) / 6)
        _draw_curve(panel, curve, f"L = {L}" if L else "default", color, "-")


def _draw_curve(panel: Axes, curve: Sequence[Row], label: str, color: object, line: str) -> None:
    trained = [row for row in curve if row["cost"] > 0]
    costs, errors = [row["cost"] for row in trained], [row["val_mse"] for row in trained]
    panel.loglog(costs, errors, color=color, ls=line, lw=1.3, label=label)
    panel.grid(visible=True, which="major", color="#dddddd", lw=0.5)


def draw_strategies(curves: Mapping[str, Sequence[Row]], file: Path) -> None:
    """Figure 7: MSE against cost, a curve a choice of P."""
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    panel = figure.subplots()
    for name, curve in curves.items():
        color, line = STYLES[name]
        _draw_curve(panel, curve, name.replace("_", " "), color, line)
    panel.set_xlabel("cost, in finest-level training examples")
    panel.set_ylabel("validation MSE")
    panel.legend(fontsize=9)
    panel.set_title("MNIST: choices of P at γ, L, k = 3, 6, 1 (Figure 7)")
    figure.savefig(file, dpi=DPI)
