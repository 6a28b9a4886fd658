"""Lines of the reproduced tables in words, for the terminal and the README."""

from __future__ import annotations

from collections.abc import Sequence

from msann_sweep.report.wording import mse, number
from msann_sweep.reproduce.strategies import StrategyLine
from msann_sweep.reproduce.tables import FINAL, GAIN, Line

LINE_HEADINGS = (
    *("", "measure", "", "paper", "ours", "ours / paper"),
    *("its γ, L, k", "our γ, L, k"),
)
STRATEGY_HEADINGS = (
    *("P", "final MSE", "cost", "cost to default's MSE", "default / this"),
    "the paper says",
)


def headings(lines: Sequence[Line | StrategyLine]) -> tuple[str, ...]:
    """Column headings that go with the lines."""
    return STRATEGY_HEADINGS if isinstance(lines[0], StrategyLine) else LINE_HEADINGS


def line_cells(line: Line | StrategyLine) -> tuple[str, ...]:
    """A line as text; "-" stands for what is unknown."""
    if isinstance(line, StrategyLine):
        cost = "not reached" if line.cost_to_default is None else number(line.cost_to_default)
        gain = "-" if line.gain is None else f"{line.gain:.2f}"
        return line.strategy, mse(line.final_mse), number(line.cost), cost, gain, line.paper
    return (
        line.part,
        line.measure,
        line.column,
        "N/A" if line.paper is None and line.column != GAIN else _value(line, line.paper),
        ("> " if line.beyond else "") + _value(line, line.ours),
        "-" if line.ratio is None else f"{line.ratio:.2f}",
        line.paper_at,
        line.ours_at,
    )


def _value(line: Line, value: float | None) -> str:
    if value is None:
        return "-"
    if line.column == GAIN:
        return f"{value:.1f}"
    return mse(value) if line.measure == FINAL else number(value)
