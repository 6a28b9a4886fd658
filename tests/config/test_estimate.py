from __future__ import annotations

from typing import Any

from msann_sweep.config import OneObjectTask, Search, Space, SweepConfig, Training, describe


def config(space: dict[str, Any], **sections: Any) -> SweepConfig:
    task = OneObjectTask(n=6)
    return SweepConfig(name="x", task=task, space=Space.model_validate(space), **sections)


def test_samples_and_baselines_times_seeds() -> None:
    sweep = config(
        {"L": {"int": [0, 3]}, "learning_rate": {"float": [0.1, 1]}},
        search=Search(trials=10, seeds=3, baseline_rates=4),
        training=Training(budget_cost=100, budget_s=2),
    )
    found = describe(sweep)
    assert (found.size, found.baselines, found.samples, found.trials) == (None, 15, 30, 45)
    assert found.max_cost == 4500
    assert found.max_training_s == 90
    assert "continuous" in str(found)
    assert "4,500" in str(found)
    assert found.notes == ()


def test_a_grid_counts_its_samples() -> None:
    sweep = config(
        {"L": {"int": [0, 3]}, "k": {"choice": [1, 2]}}, search=Search(grid=True, baselines=False)
    )
    found = describe(sweep)
    assert (found.size, found.baselines, found.samples) == (7, 0, 7)
    assert found.max_training_s is None


def test_a_choice_of_rates_limits_the_baselines() -> None:
    assert describe(config({"learning_rate": {"choice": [0.1, 0.2]}})).baselines == 3


def test_likely_mistakes_are_noted() -> None:
    idle, few = describe(config({"gamma": {"int": [1, 2]}})).notes
    assert "gamma" in idle
    assert "L is always 0" in idle
    assert "1 samples only" in few
