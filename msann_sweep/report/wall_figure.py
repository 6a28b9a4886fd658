"""The picture of ``bench wall``: how many seconds both sides need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from msann_sweep.report.wall import ratio

COLORS = {"default": "#D55E00", "msann": "#0072B2"}
WORDS = {"default": "plain PyTorch, tuned", "msann": "MsANN, tuned alike"}
PANELS = (
    ("wall_to_tenth_s", "wall_ratio", "to 1/10 of the initial MSE"),
    ("wall_to_default_final_s", "wall_to_default_final_ratio", "to plain training's lowest MSE"),
)


def draw_wall(measured: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Seconds of training, one line a task, both sides joined; ``measured`` as for the table.

    A side that does not get there is drawn as an open arrow at the seconds it had.
    """
    figure = Figure(figsize=(9, 0.42 * len(measured) + 1.5), layout="constrained")
    panels = figure.subplots(1, len(PANELS), sharey=True)
    for axes, (key, ratio_key, title) in zip(panels, PANELS, strict=True):
        for row, each in enumerate(measured):
            _draw_task(axes, row, each, key, ratio_key)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_title(title, fontsize=11)
        axes.set_xlabel("seconds of training, one thread")
        axes.grid(axis="x", which="both", alpha=0.25)
        axes.margins(x=0.12, y=0.12)
    panels[0].set_yticks(range(len(measured)), [_name(each) for each in measured])
    panels[0].invert_yaxis()
    handles, labels = panels[1].get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(
        unique.values(), unique.keys(), loc="outside lower center", ncols=2, frameon=False
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150)


def _name(task: Mapping[str, Any]) -> str:
    words = {"one_object": "one object", "two_object": "two objects", "mnist": "MNIST"}
    size = "" if task["n"] is None else f", n = {task['n']}"
    return words[task["task"]] + size


def _draw_task(axes: Axes, row: int, task: Mapping[str, Any], key: str, ratio_key: str) -> None:
    seconds = {side: task[side][key] or task["budget_s"] for side in COLORS}
    axes.plot(list(seconds.values()), [row, row], color="#999999", linewidth=2, zorder=1)
    for side, color in COLORS.items():
        reached = task[side][key] is not None
        axes.scatter(
            seconds[side],
            row,
            s=55,
            color=color if reached else "none",
            edgecolors=color,
            marker="o" if reached else ">",
            label=WORDS[side] if reached else None,
            zorder=2,
        )
    middle = (seconds["default"] * seconds["msann"]) ** 0.5
    words = ratio(task, ratio_key) or "not reached"
    axes.annotate(words, (middle, row), (0, 4), textcoords="offset points", ha="center", fontsize=9)
