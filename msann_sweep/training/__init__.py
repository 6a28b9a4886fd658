"""Multilevel training of one trial; knows nothing of Ray, Optuna or MLflow."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from msann_sweep.training.result import Row, TrialResult, summarise
from msann_sweep.training.schedule import cycle_schedule

if TYPE_CHECKING:
    from msann_sweep.training.cost import CostMeter, parameter_count
    from msann_sweep.training.single import threads, train
    from msann_sweep.training.task import load_task_data
    from msann_sweep.training.trainer import Trainer

__all__ = [
    "CostMeter",
    "Row",
    "Trainer",
    "TrialResult",
    "cycle_schedule",
    "load_task_data",
    "parameter_count",
    "summarise",
    "threads",
    "train",
]
_WITH_TORCH = {
    "CostMeter": "cost",
    "Trainer": "trainer",
    "load_task_data": "task",
    "parameter_count": "cost",
    "threads": "single",
    "train": "single",
}


def __getattr__(name: str) -> Any:
    """Import what trains at its first use: who only reads results does without torch."""
    if name in _WITH_TORCH:
        return getattr(import_module(f"msann_sweep.training.{_WITH_TORCH[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
