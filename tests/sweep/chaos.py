"""A sweep in a process of its own, and the ways to kill a part of it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

# Hundreds of evaluations a trial, none of it bound to seconds: every kill meets a running sweep.
SPACE = """
task: {kind: one_object, n: 7}
network: {layers: [128, 32, 128]}
space:
  L: {int: [0, 2]}
  gamma: {choice: [1, 2], when: {L: ">0"}}
  k: {choice: [1, 4], when: {L: ">0"}}
  coarse_step: {choice: [exact, galerkin], when: {L: ">0"}}
  cascade: {choice: [0, 20], when: {L: ">0"}}
  learning_rate: {float: [2.0e-3, 3.2e-2], log: true}
training: {optimizer: rmsprop, batch_size: 32, budget_cost: 30000, evaluations_per_decade: 200}
stopping: {target: 0.02, race_factor: 1.5}
search: {concurrency: 1, baseline_rates: 1}
"""
PATIENCE_S = 900.0
VICTIMS = ("driver", "worker", "gcs_server", "raylet", "storage", "interrupt")
EXIT_CODES = {"driver": -signal.SIGKILL, "worker": -signal.SIGKILL, "interrupt": 130}
FAILED = 1


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "msann_sweep", *map(str, arguments)]


def accept_interrupts() -> None:
    """Undo what a shell that runs the tests in the background has its children inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(folder: Path, *arguments: str | Path) -> Any:
    return subprocess.run(
        command(*arguments), cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S
    )


def wait_until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def rows(sweep: Path) -> int:
    """Evaluations recorded so far, by all trials."""
    return sum(file.read_bytes().count(b"\n") for file in sweep.glob("curves/*.jsonl"))


class SweepProcess:
    """``launch`` or ``resume`` of a sweep in a process group of its own."""

    def __init__(self, folder: Path, *arguments: str | Path) -> None:
        # Every evaluation is told at once, so that kills fall between any two of them.
        environment = {**os.environ, "TUNE_RESULT_BUFFER_MIN_TIME_S": "0"}
        self.errors = (folder / "stderr.txt").open("w+")
        self.process = subprocess.Popen(
            command(*arguments),
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
            start_new_session=True,
            preexec_fn=accept_interrupts,
        )

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def find(self, victim: str) -> int | None:
        """The number of the driver, a trial's process, or one of Ray's own, if it runs."""
        if victim == "driver":
            return self.process.pid if self.running else None
        for pid, name in descendants(self.process.pid):
            title = "ray::" if victim == "worker" else f"/{victim} "
            if title in name and (victim != "worker" or "Trainable" in name):
                return pid
        return None

    def kill(self, victim: str) -> bool:
        """``kill -9``; whether there was anything to kill."""
        pid = self.find(victim)
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def end(self) -> tuple[int, str]:
        """Wait for the process to end; its exit code and what it said on stderr."""
        code = self.process.wait(timeout=PATIENCE_S)
        self.errors.seek(0)
        said = self.errors.read()
        self.errors.close()
        return code, said

    def clear(self) -> None:
        """End whatever is left of the process group."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def descendants(pid: int) -> Iterator[tuple[int, str]]:
    """(number, command line) of all processes that a process has started."""
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            name = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        parents[int(folder.name)], names[int(folder.name)] = int(stat[1]), name
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            break
        found |= more
    return ((each, names[each]) for each in sorted(found - {pid}))


def torment(
    folder: Path, name: str, trials: int, victims: list[str], chance: random.Random
) -> None:
    """Launch a sweep of SPACE and strike one victim after the other, each time going on with it.

    Every victim gets between none and twenty evaluations of life.
    """
    sweep = folder / "runs" / name
    arguments: tuple[str | Path, ...] = ("launch", folder / "space.yaml", "--name", name)
    arguments = (*arguments, "--set", f"search.trials={trials}")
    for victim in victims:
        process = SweepProcess(folder, *arguments)
        try:
            wait_until(lambda p=process: (sweep / "sweep.json").exists() or not p.running)
            wanted = rows(sweep) + chance.randrange(1, 20)
            wait_until(lambda p=process, n=wanted: rows(sweep) >= n or not p.running)
            assert process.running, process.end()
            strike(process, victim, sweep)
            code, said = process.end()
            assert code == EXIT_CODES.get(victim, FAILED), said
            assert "Traceback" not in said
            assert ("storage failed" in said) == (victim == "storage"), said
        finally:
            process.clear()
        arguments = ("resume", name)


def strike(process: SweepProcess, victim: str, sweep: Path) -> None:
    """Kill a process of the sweep's, take its storage away, or interrupt it, and see it end."""
    if victim == "interrupt":
        process.process.send_signal(signal.SIGINT)
    elif victim == "storage":
        curves, aside = sweep / "curves", sweep / "aside"
        curves.rename(aside)
        curves.write_text("no folder any more")
        process.process.wait(PATIENCE_S)
        curves.unlink()
        aside.rename(curves)
    else:
        wait_until(lambda: process.kill(victim) or not process.running)
    if victim == "worker":
        # The sweep goes on by itself; then its driver is killed too.
        wanted = rows(sweep) + 5
        wait_until(lambda: rows(sweep) >= wanted or not process.running)
        assert process.kill("driver"), process.end()


def measured(folder: Path, name: str) -> dict[str, Any]:
    """All results of a sweep but the seconds."""
    answer = run(folder, "results", name, "--json")
    assert answer.returncode == 0, answer.stderr
    results = json.loads(answer.stdout)
    for trial in results["trials"]:
        for seconds in ("wall_s", "wall_to_tenth_s"):
            trial.pop(seconds)
    keys = ("trials", "best", "worst", "default", "tuned_default")
    return {key: results[key] for key in keys}


def check_curves(folder: Path, name: str, reference: str) -> None:
    """No holes, nothing twice, in the record and in MLflow; the same points as the reference."""
    sweep, other = folder / "runs" / name, folder / "runs" / reference
    files = sorted(sweep.glob("curves/*.jsonl"))
    assert [file.name for file in files] == sorted(f.name for f in other.glob("curves/*.jsonl"))
    client = MlflowClient(f"sqlite:///{folder}/runs/mlflow.db")
    (parent,) = client.search_runs(
        ["1"], f"tags.`msann.kind` = 'sweep' and attributes.run_name = '{name}'"
    )
    children = client.search_runs(["1"], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    run_ids = {child.data.tags["trial"]: child.info.run_id for child in children}
    assert len(run_ids) == len(children) == len(files)
    for file in files:
        curve, expected = lines(file), lines(other / "curves" / file.name)
        seconds = [row.pop("wall_s") for row in curve]
        assert seconds == sorted(seconds)
        assert curve == [{key: row[key] for key in row if key != "wall_s"} for row in expected]
        for metric in ("val_mse", "cost"):
            logged = client.get_metric_history(run_ids[file.stem], metric)
            points = sorted((point.step, point.value) for point in logged)
            assert points == sorted((round(row["cost"]), row[metric]) for row in curve)
