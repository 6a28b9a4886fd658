"""The table of ``bench wall``: plain training against MsANN, both tuned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.table import Table

HEADINGS = ("task", "", "cost to 1/10", "seconds to 1/10", "GFLOP to 1/10", "final MSE", "to it, s")


def _flops(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.2g}"


MEASURES: tuple[tuple[str, Callable[[float], str], float], ...] = (
    ("cost_to_tenth", "{:,.0f}".format, 1.0),
    ("wall_to_tenth_s", "{:.2f}".format, 1.0),
    ("flops_to_tenth", _flops, 1e9),
    ("final_mse", "{:.5f}".format, 1.0),
    ("wall_to_default_final_s", "{:.2f}".format, 1.0),
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
                [name if side == "default" else "", f"{words} ({_who(each[side])})", *cells]
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


def _cell(side: Mapping[str, Any], key: str, shown: Callable[[float], str], unit: float) -> str:
    value, spread = side[key], side[f"{key}_sd"]
    if value is None:
        return "not reached"
    mean = shown(value / unit)
    return mean if spread is None else f"{mean} ± {shown(spread / unit)}"


def _who(side: Mapping[str, Any]) -> str:
    """The trial that is fastest to a tenth, and that of the last two columns if it is another."""
    tenth, final = _words(side["params"]), _words(side["params_final"])
    return tenth if final == tenth else f"{tenth}; to the final MSE: {final}"


def _words(params: Mapping[str, Any]) -> str:
    words = f"{params['optimizer']} {params['learning_rate']:g}"
    return f"{words}, L {params['L']}, cascade {params['cascade']}" if "L" in params else words


def wall_table(measured: Sequence[Mapping[str, Any]]) -> Table:
    """For the terminal."""
    table = Table(*HEADINGS)
    for row in wall_rows(measured):
        table.add_row(*row)
    return table
