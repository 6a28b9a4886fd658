"""A chart of curves, described once: drawn by plotly for the page, by matplotlib for a PNG."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

# Okabe and Ito's colours, told apart by everybody; without yellow and black, which vanish on a
# light and on a dark page.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
NEUTRAL = "#808080"
DASHES = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True)
class Series:
    """One curve: its points, and what hovering over each says in words."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    hover: tuple[str, ...]
    color: str
    dash: str = "solid"

    def positive(self) -> Series:
        """Only the points that logarithmic axes can show."""
        kept = [
            (x, y, words)
            for x, y, words in zip(self.x, self.y, self.hover, strict=True)
            if math.isfinite(x) and math.isfinite(y) and x > 0 and y > 0
        ]
        x, y, hover = zip(*kept, strict=True) if kept else ((), (), ())
        return Series(self.name, x, y, hover, self.color, self.dash)


@dataclass(frozen=True)
class Panel:
    """Axes with their curves."""

    title: str
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Chart:
    """Panels side by side under the same logarithmic axes; ``stem`` names its files."""

    stem: str
    title: str
    x_label: str
    y_label: str
    panels: tuple[Panel, ...]

    @property
    def empty(self) -> bool:
        """Whether there is no point to show."""
        return not any(series.positive().x for panel in self.panels for series in panel.series)


def style(index: int) -> tuple[str, str]:
    """Colour and dash of the curve with this number; they repeat after 24."""
    return PALETTE[index % len(PALETTE)], DASHES[index // len(PALETTE) % len(DASHES)]


def write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table as CSV; None becomes an empty cell."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)


def write_points(chart: Chart, file: Path) -> None:
    """Every point of the chart: panel, curve, x, y."""
    rows = (
        (panel.title, series.name, x, y)
        for panel in chart.panels
        for series in panel.series
        for x, y in zip(series.x, series.y, strict=True)
    )
    header = ("panel", "curve", chart.x_label, chart.y_label)
    write_csv(file, header, rows)
