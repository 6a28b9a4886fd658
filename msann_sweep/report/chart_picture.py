"""Charts as PNG files, by matplotlib: no browser is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from msann_sweep.report.chart import Chart

LINE_STYLES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}
COLUMNS = 3
DPI = 130


def draw(chart: Chart, file: Path) -> None:
    """Write a PNG file: a panel each, all with the same limits."""
    columns = min(len(chart.panels), COLUMNS)
    rows = -(-len(chart.panels) // columns)
    figure = Figure(figsize=(max(4.6 * columns, 6), 4.1 * rows), layout="constrained")
    axes = np.ravel(figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True))
    for axis, panel in zip(axes, chart.panels, strict=False):
        for series in (each.positive() for each in panel.series):
            if series.x:
                line = LINE_STYLES[series.dash]
                axis.plot(series.x, series.y, line, color=series.color, label=series.name, lw=1.6)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_title(panel.title, fontsize=10)
        axis.set_xlabel(chart.x_label)
        axis.set_ylabel(chart.y_label)
        axis.grid(which="both", alpha=0.15)
        if axis.lines:
            axis.legend(fontsize=7)
    for unused in axes[len(chart.panels) :]:
        unused.set_visible(False)
    figure.suptitle(chart.title, fontsize=11)
    figure.savefig(file, dpi=DPI)
