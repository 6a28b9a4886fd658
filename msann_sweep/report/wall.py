"""The table of ``bench wall``: plain training against MsANN, both tuned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

HEADINGS = ("task", "", "cost to 1/10", "seconds to 1/10", "GFLOP to 1/10", "final MSE", "to it, s")
MEASURES = (
    ("cost_to_tenth", "{:,.0f}", 1.0),
    ("wall_to_tenth_s", "{:.2f}", 1.0),
    ("flops_to_tenth", "{:,.1f}", 1e9),
    ("final_mse", "{:.5f}", 1.0),
    ("wall_to_default_final_s", "{:.2f}", 1.0),
)
RATIOS = ("cost_ratio", "wall_ratio", "flops_ratio", None, "wall_to_default_final_ratio")


def wall_rows(measured: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Cells under HEADINGS, three rows a task: default, MsANN, default / MsANN."""
    rows = []
    for each in measured:
        name = each["task"] if each["n"] is None else f"{each['task']}, n = {each['n']}"
        for side, words in (("default", "tuned default"), ("msann", "MsANN")):
            cells = [_cell(each[side], *measure) for measure in MEASURES]
            rows.append(
                [name if side == "default" else "", f"{words} ({_words(each[side])})", *cells]
            )
        rows.append(["", "default / MsANN", *(ratio(each, key) or "-" for key in RATIOS)])
    return rows


def ratio(measured: Mapping[str, Any], key: str | None) -> str | None:
    """The ratio, or its lower bound where plain training missed the goal under some seed."""
    if key is None:
        return None
    exact, bound = measured[key], measured.get(f"{key}_at_least")
    if exact:
        return f"{exact:.1f}×"
    return f"> {bound:.1f}×" if bound else None


def _cell(side: Mapping[str, Any], key: str, form: str, unit: float) -> str:
    value, spread = side[key], side[f"{key}_sd"]
    if value is None:
        return "not reached"
    shown = form.format(value / unit)
    return shown if spread is None else f"{shown} ± {form.format(spread / unit)}"


def _words(side: Mapping[str, Any]) -> str:
    params = side["params"]
    words = f"{params['optimizer']} {params['learning_rate']:g}"
    return f"{words}, L {params['L']}, cascade {params['cascade']}" if "L" in params else words


def wall_table(measured: Sequence[Mapping[str, Any]]) -> Table:
    """For the terminal."""
    table = Table(*HEADINGS)
    for row in wall_rows(measured):
        table.add_row(*row)
    return table
