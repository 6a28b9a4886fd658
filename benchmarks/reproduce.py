"""Reproduce the paper's tables and figures, keep what came out, and rewrite the README's table.

    python benchmarks/reproduce.py                    # all of them at the small budget, an hour
    python benchmarks/reproduce.py table1 figure5     # these
    python benchmarks/reproduce.py --set search.concurrency=1 table1

Sweeps live under runs/ (MSANN_RUNS names another folder) and are not run twice. Tables and trials
go to benchmarks/results, pictures to docs/images.
"""

from __future__ import annotations

import csv
import itertools
import os
import sys
from pathlib import Path

from rich.console import Console

from msann_sweep.report.live import PlainView
from msann_sweep.reproduce import ARTEFACTS
from msann_sweep.reproduce.experiments import NEEDED
from msann_sweep.reproduce.run import Reproduction, run_experiment
from msann_sweep.reproduce.tables import TABLES, Line
from msann_sweep.reproduce.wording import LINE_HEADINGS, line_cells

ROOT = Path(__file__).parents[1]
RESULTS, IMAGES = ROOT / "benchmarks" / "results", ROOT / "docs" / "images"
BEGIN, END = "<!-- reproduce -->", "<!-- end -->"


def kept_lines(name: str) -> list[tuple[Line, str]]:
    """The lines of a table on disk, and what each was measured on."""
    file = RESULTS / f"{name}-small.csv"
    if not file.exists():
        return []
    with file.open(encoding="utf-8") as stream:
        return [(_line(row), _place(row)) for row in csv.DictReader(stream)]


def _line(row: dict[str, str]) -> Line:
    numbers = {key: float(row[key]) if row[key] else None for key in ("paper", "ours", "ratio")}
    words = {key: row[key] for key in ("part", "measure", "column", "paper_at", "ours_at")}
    return Line(**words, **numbers, beyond=row["beyond"] == "True")


def _place(row: dict[str, str]) -> str:
    return f"{row['machine']}, {row['commit']}, {row['date']}"


def table() -> str:
    """Markdown of all tables on disk."""
    known = [pair for name in TABLES for pair in kept_lines(name)]
    lines = ["| " + " | ".join(LINE_HEADINGS) + " |", "|---" * len(LINE_HEADINGS) + "|"]
    lines += ["| " + " | ".join(line_cells(line)) + " |" for line, _ in known]
    places = "; ".join(sorted({place for _, place in known}))
    return "\n".join([*lines, "", f"Budget small, seed 1; {places}."])


def rewrite_readme() -> None:
    """Put the table between its marks, where the README has them."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, mark, rest = text.partition(BEGIN)
    if mark:
        _, _, after = rest.partition(END)
        readme.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Reproduce the named tables and figures, or all."""
    overrides = [after for flag, after in itertools.pairwise(arguments) if flag == "--set"]
    names = [each for each in arguments if each in ARTEFACTS] or ARTEFACTS
    console = Console()
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name in names:
        wanted = Reproduction(name, "small", RESULTS, IMAGES)
        storage = os.environ.get("MSANN_RUNS", "runs")
        configs = [each.config("small", storage, overrides) for each in NEEDED[name]]
        sweeps = [run_experiment(config, lambda: PlainView(console)) for config in configs]
        _, files = wanted.write(sweeps)
        console.print(f"{name}: wrote {', '.join(str(file.relative_to(ROOT)) for file in files)}")
    rewrite_readme()


if __name__ == "__main__":
    main(sys.argv[1:])
