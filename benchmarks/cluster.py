"""What the platform takes of its own, and how it scales; the tables of docs/numbers.md.

    python benchmarks/cluster.py [PART ...]   # metadata, reuse, trials, long_trials, driver, scale

Every part is kept in benchmarks/results/, and the table is rewritten from all that are kept.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from wall import rewrite_between, where_and_when

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results"
PAGE = ROOT / "docs/numbers.md"
BEGIN = "<!-- benchmarks/cluster.py -->"
PARTS: dict[str, list[str]] = {
    "metadata": ["overhead", "--part", "metadata"],
    "reuse": ["overhead", "--part", "reuse"],
    "trials": ["overhead", "--part", "trials", "--trials", "24"],
    "long_trials": ["overhead", "--part", "trials", "--trials", "24", "--trial-s", "20"],
    # As many reports as of 200 trials that report each 5 s, which would take 29 GB of memory.
    "driver": ["overhead", "--part", "driver", "--trials", "120", "--report-s", "3"],
    "scale": ["scale"],
}


def measure(arguments: list[str]) -> dict[str, Any]:
    """One call of ``bench``, each with a Ray of its own; and what else the machine did."""
    busy = os.getloadavg()[0]
    origin = where_and_when()
    command = [sys.executable, "-m", "msann_sweep", "bench", *arguments]
    answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    measured: dict[str, Any] = answer if arguments[0] == "scale" else next(iter(answer.values()))
    return {**measured, **origin, "cpus": os.cpu_count(), "load_before": round(busy, 1)}


def keep(part: str, measured: dict[str, Any]) -> None:
    """Put a part into its file: scale.json, or overhead.json with all the others."""
    file = RESULTS / ("scale.json" if part == "scale" else "overhead.json")
    kept = known(file) if part != "scale" else {}
    content = measured if part == "scale" else {**kept, part: measured}
    file.write_text(json.dumps(content, indent=2) + "\n")


def known(file: Path) -> dict[str, Any]:
    """What a file holds, or nothing."""
    return json.loads(file.read_text()) if file.exists() else {}


def seconds(command: dict[str, Any]) -> str:
    """What a command took, by the clock and of a core."""
    return f"{command['wall_s']:.1f} s, {command['cpu_s']:.1f} s of a core"


def lines(overhead: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """What was measured, what came of it, and the part it is of."""
    rows = []
    if part := overhead.get("metadata"):
        for command in ("status", "results"):
            found = f"{seconds(part[command])}, {part[command]['peak_bytes'] / 1e6:,.0f} MB"
            what = f"`{command}` of a sweep of {part['trials']:,} trials"
            bare = f"`--version`: {seconds(part['bare_command'])}"
            rows.append((what, f"{found} ({bare})", part))
    if part := overhead.get("reuse"):
        what = f"{part['trials']} trials of no length, a process each / processes reused"
        rows.append((what, f"{part['fresh_s']:.1f} s / {part['reused_s']:.1f} s", part))
    for name in ("trials", "long_trials"):
        if part := overhead.get(name):
            what = f"{part['trials']} trials of {part['trial_s']:g} s, {part['workers']} at a time"
            found = (
                f"{part['per_trial_s']:.2f} s a trial beyond its training, "
                f"{part['first_trial_s']:.1f} s the first of a process; "
                f"sweep / training {part['ratio']:.3f}, "
                f"{part['launch_s'] * part['workers'] / part['training_s']:.3f} with the start and "
                "end of Ray and MLflow, and the page"
            )
            rows.append((what, found, part))
    part = overhead.get("driver")
    if part and part["driver_cpu_share"] is not None:
        what = f"driver, {part['trials']} simulated trials, a report each {part['report_s']:g} s"
        share = f"{part['driver_cpu_share']:.0%} of a core"
        rows.append((what, f"{share}, {part['results_per_s']:.1f} reports/s", part))
    return rows


def tables() -> str:
    """Markdown, with what was measured on what."""
    scale = known(RESULTS / "scale.json")
    text = ["| | measured | machine, load before, commit, date |", "|---|---|---|"]
    text += [
        f"| {what} | {found} | {where(part)} |"
        for what, found, part in lines(known(RESULTS / "overhead.json"))
    ]
    if scale:
        text += ["", "| raylets | trials per hour | of ideal |", "|---|---|---|"]
        text += [
            f"| {row['raylets']} | {row['trials_per_hour']:,.0f} | {row['efficiency']:.0%} |"
            for row in scale["rows"]
        ]
        text += ["", f"Simulated trials of {scale['trial_s']:g} s; {where(scale)}."]
    return "\n".join(text)


def where(part: dict[str, Any]) -> str:
    """Machine, how busy it was, commit and day."""
    machine = f"{part['machine']}, {part['cpus']} cores"
    return f"{machine}, load {part['load_before']}, {part['commit']}, {part['date']}"


def main(names: list[str]) -> None:
    """Measure the named parts, or all."""
    for name in names or PARTS:
        print(name, flush=True)
        keep(name, measure(PARTS[name]))
    rewrite_between(PAGE, BEGIN, tables())


if __name__ == "__main__":
    main(sys.argv[1:])
