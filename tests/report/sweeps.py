"""Sweeps written by hand, as the platform records them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from msann_sweep.config import SweepConfig, load_search_space
from msann_sweep.report.loaded import LoadedSweep
from msann_sweep.sweep.assignment import Assignment, baselines, with_seeds
from msann_sweep.sweep.record import SweepDirectory, SweepState
from msann_sweep.training import Row, Trainer, summarise

SPACE = """
name: {name}
task: {{kind: one_object, n: 6, validation: 100}}
network: {{layers: [64, 16, 64]}}
space:
  L: {{int: [1, 3]}}
  gamma: {{choice: [1, 2]}}
  k: {{choice: [1, 2, 4]}}
  prolongation: {{choice: [path, random]}}
  learning_rate: {{float: [1.0e-3, 1.0e-1], log: true}}
training: {{budget_cost: 10000}}
search: {{trials: 24, seeds: {seeds}, baseline_rates: 2}}
storage: {storage}
"""


def make_sweep(
    storage: Path,
    name: str = "made",
    seeds: int = 1,
    status: str = "finished",
    overrides: Sequence[str] = (),
) -> tuple[SweepConfig, SweepDirectory]:
    """An empty sweep."""
    file = storage / f"{name}.yaml"
    storage.mkdir(parents=True, exist_ok=True)
    file.write_text(SPACE.format(name=name, seeds=seeds, storage=storage))
    config = load_search_space(file, overrides)
    directory = SweepDirectory.create(config)
    data = {"name": "one_object", "digest": "6", "description": "one_object, generated: n 6"}
    state = SweepState(name, status, "2026-01-01T00:00:00+00:00", trained_on=data)
    state.planned_trials = 27
    directory.write_state(state)
    return config, directory


def falling(cost_to_tenth: float, levels: int = 1) -> list[Row]:
    """A curve that is at a tenth of its beginning at that cost, and goes on for as much again."""
    costs = [0.0, *(cost_to_tenth * 2 ** (step / 4) for step in range(-12, 5))]
    return [
        Row(
            val_mse=0.25 * 10 ** (-cost / cost_to_tenth),
            cost=cost,
            wall_s=cost / 1000,
            level=0,
            steps_per_level=[math.ceil(cost / 32)] * levels,
        )
        for cost in costs
    ]


def add_trial(
    config: SweepConfig,
    directory: SweepDirectory,
    assignment: Assignment,
    curve: list[Row],
    **outcome: Any,
) -> None:
    """A trial that has ended so."""
    directory.started(assignment)
    directory.add_rows(assignment.id, curve)
    trial = config.trial(assignment.params, assignment.seed)
    known = {"status": "finished", "stop_reason": "budget_cost"} | outcome
    result = summarise(curve, target=0.1, params=trial.params(), seed=trial.seed, **known)
    directory.ended(assignment.id, result, f"10.0.0.{1 + len(assignment.id) % 2}, process 7")


def sample(config: SweepConfig, number: int) -> list[Assignment]:
    """The trials of one MsANN sample, unlike the others."""
    params = {
        "L": 1 + number % 3,
        "gamma": 1 + number // 3 % 2,
        "k": 2 ** (number // 6 % 3),
        "prolongation": ("path", "random")[number // 18 % 2],
        "learning_rate": 1e-3 * (1 + number % 90),
    }
    return with_seeds(config, f"t{number:04d}", "sample", params)


def fill(
    config: SweepConfig,
    directory: SweepDirectory,
    n_samples: int = 24,
    cost: Callable[[int, int], float] = lambda number, seed: 500.0 + 40 * number + 10 * seed,
) -> None:
    """Baselines and samples, each ended at its target."""
    for number, assignment in enumerate(baselines(config)):
        add_trial(config, directory, assignment, falling(8000.0 * 0.9**number), **AT_TARGET)
    for number in range(n_samples):
        for assignment in sample(config, number):
            curve = falling(cost(number, assignment.seed), assignment.params["L"] + 1)
            add_trial(config, directory, assignment, curve, **AT_TARGET)


AT_TARGET = {"stop_reason": "target"}


def keep_weights(config: SweepConfig, directory: SweepDirectory, trial_id: str) -> None:
    """Initial weights as a trial's final ones."""
    record = directory.trials()[trial_id]
    trial = config.trial(record.assignment.params, record.assignment.seed)
    torch.save(Trainer(trial).weights(), directory.weights_file(trial_id))


def loaded(directory: SweepDirectory) -> LoadedSweep:
    """The sweep as the report reads it."""
    return LoadedSweep.read(directory)
