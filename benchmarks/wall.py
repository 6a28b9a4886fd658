"""Seconds and cost to a tenth, plain PyTorch against MsANN, both tuned; the README's table.

    python benchmarks/wall.py [TASK ...]      # e.g. one_object-12 mnist; all of them: 100 minutes

Every task's measurement is kept in benchmarks/results/, and the README's table and figure, and
that of the levels' optimisers in docs/numbers.md, are made again from all that are kept.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msann_sweep.bench.plain import PLAIN_OPTIMIZERS
from msann_sweep.bench.wall import measure_wall, wall_task
from msann_sweep.report.wall import HEADINGS, wall_rows
from msann_sweep.report.wall_figure import draw_wall

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results"
FIGURE = ROOT / "docs/images/wall.png"
README, PAGE = ROOT / "README.md", ROOT / "docs/numbers.md"
BEGIN, END = "<!-- benchmarks/wall.py -->", "<!-- end -->"
TASKS: dict[str, tuple[str, int]] = {
    "one_object-10": ("one_object", 10),
    "one_object-11": ("one_object", 11),
    "one_object-12": ("one_object", 12),
    "one_object-13": ("one_object", 13),
    "two_object-10": ("two_object", 10),
    "two_object-12": ("two_object", 12),
    "mnist": ("mnist", 10),
}


def where_and_when() -> dict[str, str]:
    """The machine in words, the commit, the day."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if platform.system() == "Linux" else []
    model = next((line.split(": ")[1] for line in lines if "model name" in line), None)
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    date = datetime.now(UTC).date().isoformat()
    return {"machine": model or platform.processor(), "commit": commit, "date": date}


def kept() -> list[dict[str, Any]]:
    """All measurements on disk, in the order of TASKS."""
    files = (RESULTS / f"wall-{name}.json" for name in TASKS)
    return [json.loads(file.read_text()) for file in files if file.exists()]


def table(measured: list[dict[str, Any]]) -> str:
    """Markdown, with what was measured on what."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---" * len(HEADINGS) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in wall_rows(measured)]
    first = measured[0]
    places = sorted({f"{each['machine']}, {each['commit']}, {each['date']}" for each in measured})
    lines += [
        "",
        f"Batch {first['batch_size']}, one thread, mean ± standard deviation over "
        f"{first['seeds']} seeds; {first['trials_per_side']} tuning trials a side; "
        f"{'; '.join(places)}.",
    ]
    return "\n".join(lines)


def optimizer_table(measured: list[dict[str, Any]]) -> str:
    """Markdown: what the best trial of each optimiser at the levels came to in tuning."""
    heads = [f"{name}: s to 1/10 | lowest MSE" for name in PLAIN_OPTIMIZERS]
    lines = [f"| task | {' | '.join(heads)} |", "|---" * (1 + 2 * len(heads)) + "|"]
    for each in measured:
        size = "" if each["n"] is None else f", n = {each['n']}"
        cells = [_best(each["msann"]["tried"], name) for name in PLAIN_OPTIMIZERS]
        lines.append(f"| {each['task']}{size} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _best(tried: list[dict[str, Any]], optimizer: str) -> str:
    own = [each for each in tried if each["params"]["optimizer"] == optimizer]
    seconds = [each["wall_to_tenth_s"] for each in own if each["wall_to_tenth_s"] is not None]
    lowest = min(each["lowest_mse"] for each in own)
    return f"{min(seconds):.2f} | {lowest:.5f}" if seconds else f"- | {lowest:.5f}"


def rewrite_between(page: Path, begin: str, content: str) -> None:
    """Put a table between its marks."""
    before, _, rest = page.read_text().partition(begin)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{begin}\n{content}\n{END}{after}")


def main(names: list[str]) -> None:
    """Measure the named tasks, or all."""
    RESULTS.mkdir(exist_ok=True)
    for name in names or TASKS:
        print(name, flush=True)
        # Asked before, for the working tree may move on while it is measured.
        origin = where_and_when()
        measured = {**measure_wall(*wall_task(*TASKS[name]), progress=print), **origin}
        (RESULTS / f"wall-{name}.json").write_text(json.dumps(measured, indent=2) + "\n")
    rewrite_between(README, BEGIN, table(kept()))
    rewrite_between(PAGE, BEGIN, optimizer_table(kept()))
    draw_wall(kept(), FIGURE)


if __name__ == "__main__":
    main(sys.argv[1:])
