"""What a trial takes above the interpreter, its modules and its data; a table of docs/numbers.md.

    python benchmarks/memory.py     # three minutes; Linux

Each trial in a process of its own: the greatest resident memory (VmHWM) above what was resident
(VmRSS) with torch and the images loaded. What was measured is kept in benchmarks/results/.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from wall import rewrite_between, where_and_when

from msann_sweep.config import MnistTask, OneObjectTask, SweepConfig
from msann_sweep.training import Trainer, load_task_data, threads

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results/memory.json"
PAGE = ROOT / "docs/numbers.md"
BEGIN = "<!-- benchmarks/memory.py -->"
COARSE = {"L": 3, "gamma": 1, "k": 8, "coarse_step": "galerkin"}
# (in words, bits of the task's size or None for MNIST, hyperparameters, cost)
TRIALS: list[tuple[str, int | None, dict[str, Any], float]] = [
    ("one object, n = 10, plain", 10, {"L": 0}, 2000),
    ("one object, n = 10, exact steps", 10, {**COARSE, "coarse_step": "exact"}, 2000),
    ("one object, n = 10, Galerkin steps", 10, COARSE, 2000),
    ("one object, n = 14, plain", 14, {"L": 0}, 33),
    ("one object, n = 14, Galerkin steps", 14, COARSE, 33),
    ("MNIST, plain", None, {"L": 0}, 2000),
    ("MNIST, grid, Galerkin steps", None, {**COARSE, "prolongation": "grid"}, 2000),
    (
        "MNIST, the same after 2,000 batches at each level",
        None,
        {**COARSE, "prolongation": "grid", "cascade": 2000},
        30_000,
    ),
]


def kilobytes(field: str) -> int:
    """A line of Linux's account of this process."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


def peak_bytes(n: int | None, params: dict[str, Any], cost: float) -> int:
    """Of a trial in this process, which has done nothing else."""
    task = OneObjectTask(n=n, validation=2000 if n < 12 else 500) if n else MnistTask()
    trial = SweepConfig(name="x", task=task).trial(
        {"optimizer": "rmsprop", "batch_size": 32, **params}
    )
    with threads(1):
        data = load_task_data(task)
        Path("/proc/self/clear_refs").write_text("5")  # the peak so far is that of loading
        before = kilobytes("VmRSS")
        trainer = Trainer(trial.model_copy(update={"budget_cost": cost}), data=data)
        for _ in trainer.rows():
            pass
        return 1024 * (kilobytes("VmHWM") - before)


def table(kept: dict[str, Any]) -> str:
    """Markdown, with what was measured on what."""
    lines = ["| trial | MB |", "|---|---|"]
    lines += [f"| {words} | {size / 1e6:,.0f} |" for words, size in kept["peak_bytes"].items()]
    lines += ["", f"Batch 32, RMSProp; {kept['machine']}, {kept['commit']}, {kept['date']}."]
    return "\n".join(lines)


def main() -> None:
    """Measure, keep, and put the table between its marks."""
    origin = where_and_when()
    found = {}
    for number, (words, *_) in enumerate(TRIALS):
        command = [sys.executable, __file__, str(number)]
        found[words] = int(subprocess.check_output(command, text=True))
        print(f"{words}: {found[words] / 1e6:,.0f} MB", flush=True)
    kept = {"peak_bytes": found, **origin}
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n")
    rewrite_between(PAGE, BEGIN, table(kept))


if __name__ == "__main__":
    if sys.argv[1:]:
        print(peak_bytes(*TRIALS[int(sys.argv[1])][1:]))
    else:
        main()
