"""One training step at every level against plain PyTorch's; a table of docs/numbers.md.

    python benchmarks/steps.py      # two minutes

Aggregations (path), Kronecker products (product) and dense operators (random), each with a batch
of 32 and 128. What was measured is kept in benchmarks/results/.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from wall import rewrite_between, where_and_when

from msann_sweep.bench.steps import measure_steps

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results/steps.json"
PAGE = ROOT / "docs/numbers.md"
BEGIN = "<!-- benchmarks/steps.py -->"
LAYERS, L = (1024, 256, 128, 256, 1024), 6
BATCHES = (32, 128)
STRATEGIES = {"path": "aggregates", "product": "Kronecker", "random": "dense"}
HEADS = (
    "batch", "P", "plain PyTorch, ms", "level 0", "exact, level 1", "exact, levels 2 to 6",
    "leaving it, ms", "Galerkin, level 1", "Galerkin, levels 2 to 6", "beyond its share, µs",
)  # fmt: skip


def cells(measured: dict[str, Any]) -> list[str]:
    """A row: shares of plain PyTorch's step, and microseconds of a Galerkin step beyond its own."""
    plain_s, levels = measured["plain_fine_s"], measured["levels"]
    strategy = measured["strategy"]
    row = [str(measured["batch_size"]), f"{strategy} ({STRATEGIES[strategy]})"]
    row += [f"{1e3 * plain_s:.2f}", f"{levels[0]['exact_s'] / plain_s:.2f}"]
    for kind in ("exact_s", "galerkin_s"):
        shares = [each[kind] and each[kind] / plain_s for each in levels[1:]]
        row += [between(shares[:1]), between(shares[1:])] if shares[0] else ["-", "-"]
        if kind == "exact_s":
            row.append(between([1e3 * each["exact_leaving_s"] for each in levels[1:]]))
    fine_s = levels[0]["exact_s"]
    if levels[1]["galerkin_s"]:
        beyond = [each["galerkin_s"] - each["cost_share"] * fine_s for each in levels[1:]]
        row.append(f"{1e6 * min(beyond):.0f} to {1e6 * max(beyond):.0f}")
    else:
        row.append("-")
    return row


def between(values: list[float]) -> str:
    """One value, or the least and the greatest of several."""
    least, most = f"{min(values):.2f}", f"{max(values):.2f}"
    return least if least == most else f"{least} to {most}"


def table(kept: dict[str, Any]) -> str:
    """Markdown, with what was measured on what."""
    lines = [f"| {' | '.join(HEADS)} |", "|---" * len(HEADS) + "|"]
    lines += [f"| {' | '.join(cells(each))} |" for each in kept["steps"]]
    lines += ["", f"{kept['machine']}, one thread, {kept['commit']}, {kept['date']}."]
    return "\n".join(lines)


def main() -> None:
    """Measure, keep, and put the table between its marks."""
    origin = where_and_when()
    found = [
        measure_steps(LAYERS, L, batch_size, strategy)
        for batch_size, strategy in itertools.product(BATCHES, STRATEGIES)
    ]
    kept = {"steps": found, **origin}
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n")
    rewrite_between(PAGE, BEGIN, table(kept))


if __name__ == "__main__":
    main()
