"""Figure 7 in figures: how well each choice of P trains, and what the paper says of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from msann_sweep.sweep.record import SweepDirectory, TrialRecord
from msann_sweep.training import Row
from msann_sweep.training.result import find_crossing

SAYINGS = {
    "grid": "the most efficient",
    "path": "more efficient than default, catches up with grid at the end",
    "grid_shuffled": "at first on par with path and grid, later at times behind default",
    "random": "worse than path and grid",
    "simultaneous": "on par with default",
    "default": "",
}
"""By curve of the figure, best first as the paper has them."""


class StrategyLine(NamedTuple):
    """One curve of Figure 7: its MSE at the end, its cost to the default's, and the paper's words.

    ``cost_to_default`` is the cost to the lowest MSE that default training reaches, None where it
    was not reached; ``gain`` is the default's own cost to it over that.
    """

    strategy: str
    final_mse: float
    cost: float
    cost_to_default: float | None
    gain: float | None
    paper: str


def strategy_of(record: TrialRecord) -> str:
    """The curve that a trial of the experiment belongs to."""
    params = record.assignment.params
    if params.get("L", 0) == 0:
        return "default"
    at_once = params.get("schedule") == "simultaneous"
    return "simultaneous" if at_once else str(params["prolongation"])


def strategy_curves(directory: SweepDirectory) -> dict[str, list[Row]]:
    """Every curve with at least one evaluation, in the order of the paper's ranking."""
    curves = {
        strategy_of(record): directory.curve(record.id) for record in directory.trials().values()
    }
    return {name: curves[name] for name in SAYINGS if curves.get(name)}


def strategy_lines(curves: dict[str, list[Row]]) -> list[StrategyLine]:
    """One line a curve, the best first."""
    default = curves.get("default", [])
    goal = min((row["val_mse"] for row in default), default=0.0)
    plain = _cost_to(default, goal)
    lines = []
    for name, curve in curves.items():
        cost = _cost_to(curve, goal)
        gain = plain / cost if plain and cost else None
        last = curve[-1]
        lines.append(StrategyLine(name, last["val_mse"], last["cost"], cost, gain, SAYINGS[name]))
    return sorted(lines, key=lambda line: line.final_mse)


def _cost_to(curve: Collection[Row], mse: float) -> float | None:
    rows = list(curve)
    if not rows or mse <= 0:
        return None
    crossing = find_crossing(rows, mse / rows[0]["val_mse"])
    return crossing.cost if crossing else None
