"""What a trial needs above the interpreter with all modules loaded, in a process of its own.

The peak is Linux's VmHWM: ``ru_maxrss`` would count the test process that it was forked from.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

import pytest

PROGRAM = """
import sys
import torch
from msann_sweep.config import OneObjectTask, SweepConfig
from msann_sweep.training import Trainer

torch.set_num_threads(1)
torch.mm(torch.rand(64, 64), torch.rand(64, 64))
n, budget_cost, params = int(sys.argv[1]), float(sys.argv[2]), eval(sys.argv[3])


def kilobytes(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


before = kilobytes("VmRSS")
task = OneObjectTask(n=n, validation=2000 if n < 12 else 500)
trial = SweepConfig(name="x", task=task).trial({"optimizer": "rmsprop", "batch_size": 32, **params})
trainer = Trainer(trial.model_copy(update={"budget_cost": budget_cost}))
for row in trainer.rows():
    pass
print(1024 * (kilobytes("VmHWM") - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from Linux's /proc")
@pytest.mark.parametrize(
    ("n", "budget_cost", "params", "most_mb"),
    [
        (10, 2000, {"L": 0}, 60),
        (10, 2000, {"L": 4, "k": 4, "coarse_step": "exact"}, 60),
        (10, 2000, {"L": 4, "k": 4, "coarse_step": "galerkin"}, 60),
        pytest.param(14, 33, {"L": 0}, 1500, marks=pytest.mark.slow),
    ],
)
def test_peak_memory_of_a_trial(
    n: int, budget_cost: float, params: dict[str, object], most_mb: int
) -> None:
    command = [sys.executable, "-c", PROGRAM, str(n), str(budget_cost), repr(params)]
    # Pages of libraries that are read ahead come to it, 48 to 60 MB in a dozen runs of one trial:
    # little where a network takes a thousand.
    runs = 3 if most_mb < 100 else 1
    peaks = [int(subprocess.check_output(command, text=True)) for _ in range(runs)]
    assert statistics.median(peaks) / 1e6 < most_mb
