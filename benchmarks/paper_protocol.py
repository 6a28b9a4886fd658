"""Cost to 1/10 of the initial MSE under the paper's protocol, beside the paper's own figures.

One object without noise, n = 10: tf1_rmsprop, batch 128, learning rate 5e-4, glorot_normal at every
level, one step per level from coarse to fine before the first cycle. About two minutes.

    python benchmarks/paper_protocol.py
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from msann_sweep.config import load_search_space
from msann_sweep.training import train

FILE = Path(__file__).with_suffix(".yaml")
COARSE = {"prolongation": "path", "cascade": 1}
# Parameters of a trial, and the cost to 1/10 that the paper states for it (Table 1), if it does.
TRIALS: list[tuple[dict[str, Any], float | None]] = [
    ({"L": 0}, 126_600),
    ({"L": 3, "gamma": 3, "k": 4, **COARSE}, None),
    ({"L": 6, "gamma": 3, "k": 4, **COARSE}, 7_342),
]


def main() -> None:
    config = load_search_space(FILE)
    table = Table("γ, L, k", "cost to 1/10", "paper", "default / this", "seconds", "steps")
    default_cost = None
    for params, paper in TRIALS:
        result = train(config.trial({**params, "learning_rate": 5e-4}, config.search.seed))
        cost = result.cost_to_tenth
        default_cost = default_cost or cost
        table.add_row(
            "default" if params["L"] == 0 else "{gamma}, {L}, {k}".format(**params),
            "not reached" if cost is None else f"{cost:,.0f}",
            "-" if paper is None else f"{paper:,.0f}",
            "-" if cost is None or default_cost is None else f"{default_cost / cost:.1f}",
            f"{result.wall_s:.1f}",
            f"{sum(result.steps_per_level):,}",
        )
    console = Console()
    console.print(table)
    console.print(
        f"seed {config.search.seed}, {platform.machine()}, 1 thread, torch {torch.__version__}",
        highlight=False,
    )


if __name__ == "__main__":
    main()
