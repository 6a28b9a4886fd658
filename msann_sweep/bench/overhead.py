"""What the platform takes of its own: seconds around trials, the driver's CPU, big sweeps."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from ray import tune

from msann_sweep.bench.simulated import Meter, sweep_of
from msann_sweep.sweep import cluster
from msann_sweep.sweep.assignment import SAMPLE, Assignment
from msann_sweep.sweep.launch import launch
from msann_sweep.sweep.operator_actors import SharedOperators
from msann_sweep.sweep.record import SweepDirectory, SweepState, TrialRecord
from msann_sweep.sweep.simulated_trial import SimulatedTrial
from msann_sweep.training import TrialResult

Measured = dict[str, Any]


def measure_reuse(trials: int = 12) -> Measured:
    """Seconds of that many trials of no length, with one process for each and with reused ones."""
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        config = sweep_of(Path(folder), trials, trial_s=0.02, evaluations=1)
        cluster.connect(config)
        try:
            for reuse in (False, True):
                # The operators' class brings torch along, as it does to trials that train.
                trainable = tune.with_parameters(
                    SimulatedTrial, sweep=config, operators=SharedOperators(None)
                )
                tuner = tune.Tuner(
                    tune.with_resources(trainable, {"cpu": 1}),
                    param_space={
                        "id": tune.grid_search(list(range(trials))),
                        "sample": "",
                        "role": SAMPLE,
                    },
                    tune_config=tune.TuneConfig(reuse_actors=reuse),
                    run_config=tune.RunConfig(
                        storage_path=folder,
                        name=f"{reuse}",
                        checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                        verbose=0,
                    ),
                )
                began = time.monotonic()
                ended = tuner.fit()
                if ended.errors:
                    raise ended.errors[0]
                seconds[reuse] = time.monotonic() - began
        finally:
            cluster.disconnect()
    return {"trials": trials, "fresh_s": seconds[False], "reused_s": seconds[True]}


def measure_trials(trials: int = 12, trial_s: float = 1.0, workers: int = 2) -> Measured:
    """Seconds that a sweep takes beyond what its trials train, in all and per trial.

    Trials train for real. ``ratio`` is the sweep's wall time over the trials' seconds of training
    divided by the workers. ``first_trial_s`` is what the first trial of a process takes beyond its
    training, for the process is started; ``per_trial_s`` what every further one takes, from the end
    of the one before it (None without any).
    """
    with tempfile.TemporaryDirectory() as folder:
        config = sweep_of(Path(folder), trials, trial_s, concurrency=workers)
        began = time.monotonic()
        directory = launch(config, Meter(trials))
        wall_s = time.monotonic() - began
        records = list(directory.trials().values())
        sweep_s = directory.read_state().wall_s
    training_s = sum(record.result.wall_s for record in records if record.result)
    first, further = beyond_training(records)
    return {
        "trials": trials,
        "trial_s": trial_s,
        "workers": workers,
        "training_s": training_s,
        "sweep_s": sweep_s,
        "launch_s": wall_s,
        "ratio": sweep_s * workers / training_s,
        "first_trial_s": mean(first),
        "per_trial_s": mean(further) if further else None,
    }


def beyond_training(records: Sequence[TrialRecord]) -> tuple[list[float], list[float]]:
    """Seconds beyond training of the first trials of their processes, and of all further ones."""
    first: list[float] = []
    further: list[float] = []
    free_s: dict[str | None, float] = {}
    for record in sorted(records, key=lambda each: each.ended_s or math.inf):
        if record.result and record.started_s and record.ended_s:
            known = record.worker in free_s
            began_s = free_s[record.worker] if known else record.started_s
            spent = record.ended_s - began_s - record.result.wall_s
            (further if known else first).append(spent)
            free_s[record.worker] = record.ended_s
    return first, further


def measure_driver(trials: int = 200, report_s: float = 5.0, trial_s: float = 300.0) -> Measured:
    """The driver's share of a core while that many simulated trials run and report.

    Each reports every ``report_s`` seconds and lasts ``trial_s``, in which the last of them has to
    begin; all run on this machine, however few CPUs it has.
    """
    reports = max(1, round(trial_s / report_s))
    cpus = (os.cpu_count() or 1) / trials
    with tempfile.TemporaryDirectory() as folder:
        config = sweep_of(
            Path(folder), trials, report_s * reports, concurrency=trials,
            cpus_per_trial=int(cpus * 1e4) / 1e4, evaluations=reports,
        )  # fmt: skip
        meter = Meter(trials)
        launch(config, meter, SimulatedTrial)
    return {"trials": trials, "report_s": report_s, **meter.steady()}


def measure_metadata(trials: int = 10_000, evaluations: int = 20) -> Measured:
    """Seconds and peak memory of ``status`` and ``results`` on a sweep of that many trials."""
    with tempfile.TemporaryDirectory() as folder:
        directory = write_sweep(Path(folder), trials, evaluations)
        size = sum(file.stat().st_size for file in directory.path.rglob("*") if file.is_file())
        commands = {
            "status": ["status", str(directory.path)],
            "results": ["results", str(directory.path), "--json"],
        }
        measured = {name: _run(command) for name, command in commands.items()}
        bare = _run(["--version"])
    return {"trials": trials, "bytes": size, "bare_command": bare, **measured}


def write_sweep(storage: Path, trials: int, evaluations: int) -> SweepDirectory:
    """A finished sweep's directory, with trials that nobody trained."""
    config = sweep_of(storage, trials, trial_s=1.0)
    trained_on = {"description": "nothing: simulated"}
    state = SweepState(config.name, "finished", trained_on=trained_on, planned_trials=trials)
    directory = SweepDirectory.create(config, state)
    for number in range(trials):
        name = f"t{number:05d}"
        params = {"L": number % 4, "gamma": 1, "k": 2, "learning_rate": 1e-3}
        directory.started(Assignment(name, name, SAMPLE, 1, params))
        cost = 1000.0 + number
        result = TrialResult(
            status="finished", initial_mse=1.0, final_mse=0.1, best_mse=0.1, cost_to_tenth=cost,
            wall_to_tenth_s=1.0, cost=cost, wall_s=1.0, steps_per_level=[number], params=params,
            seed=1, stop_reason="target", message=None,
        )  # fmt: skip
        directory.add_rows(
            name,
            [
                {"val_mse": 1.0, "cost": cost, "wall_s": 1.0, "level": 0, "steps_per_level": [at]}
                for at in range(evaluations)
            ],
        )
        directory.ended(name, result)
    return directory


# Asked of the process itself: what the kernel tells of a child includes its parent's memory.
TELLS_ITS_PEAK = """
import sys, time
from msann_sweep.cli import main
try:
    main()
finally:
    with open("/proc/self/status") as status:
        peak = next(line for line in status if line.startswith("VmHWM"))
    print(peak.split()[1], time.process_time(), file=sys.stderr)
"""


def _run(arguments: list[str]) -> Measured:
    """Seconds, of them on a CPU, and peak resident bytes of a command of ours."""
    began = time.monotonic()
    answer = subprocess.run(
        [sys.executable, "-c", TELLS_ITS_PEAK, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    wall_s = time.monotonic() - began
    peak_kb, cpu_s = answer.stderr.split()[-2:]
    return {"wall_s": wall_s, "cpu_s": float(cpu_s), "peak_bytes": 1024 * int(peak_kb)}


PARTS: dict[str, Callable[..., Measured]] = {
    "reuse": measure_reuse,
    "trials": measure_trials,
    "driver": measure_driver,
    "metadata": measure_metadata,
}
