"""Rank the closed forms by objective value; rewrites the table in docs/closed_forms.md.

python benchmarks/closed_forms.py
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import networkx as nx

from msann_sweep.operators import closed_form, closed_form_species, objective, stationarity
from msann_sweep.operators.closed_forms import species
from msann_sweep.operators.lineage import grid_graph

PAGE = Path(__file__).parents[1] / "docs" / "closed_forms.md"
MARK = "<!-- table: written by benchmarks/closed_forms.py -->\n"
GRAPHS: dict[str, tuple[Callable[[int], nx.Graph], tuple[int, ...], int]] = {
    "cycle": (nx.cycle_graph, (4, 8, 16, 32, 64), 8),
    "path": (nx.path_graph, (4, 8, 16, 32, 64), 8),
    "grid": (lambda n: grid_graph(n, n, periodic=True), (4, 8, 16), 3),
}


def rows(family: str, s: int) -> list[str]:
    """Table rows of a family's maps, best first by the profiled value at the largest size."""
    make, sizes, kind_at = GRAPHS[family]
    lines = []
    for name in closed_form_species(family):
        values = [
            objective(closed_form(family, name, n), make(n), make(2 * n), s=s).total for n in sizes
        ]
        own = species(family, name)
        kind = "-"
        if own.s == s:
            P = closed_form(family, name, kind_at)
            at = stationarity(P, make(kind_at), make(2 * kind_at), s=s, alpha=1.0, beta=own.beta)
            kind = f"{at.kind} at n = {kind_at}"
        cells = " | ".join(f"{value:.4g}" for value in values)
        lines.append((values[-1], f"| {name} | {cells} | {kind} |"))
    return [line for _, line in sorted(lines)]


def main() -> None:
    parts = []
    for family, (_, sizes, _) in GRAPHS.items():
        for s, term in ((1, "locality, s = 1, β profiled"), (0, "diffusion, s = 0, α profiled")):
            header = " | ".join(f"n = {n}" for n in sizes)
            parts += [f"\n### {family}: {term}\n"]
            parts += [f"| species | {header} | kind at its own fixed scale |"]
            parts += ["|---" * (len(sizes) + 2) + "|", *rows(family, s)]
    before, _, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(before + MARK + "\n".join(parts) + "\n", encoding="utf-8")
    print(f"wrote {PAGE.name}")


if __name__ == "__main__":
    main()
