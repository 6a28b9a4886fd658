"""Multilevel training of one trial; knows nothing of Ray, Optuna or MLflow."""

from msann_sweep.training.cost import CostMeter, parameter_count
from msann_sweep.training.result import Row, TrialResult, summarise
from msann_sweep.training.schedule import cycle_schedule
from msann_sweep.training.task import load_task_data
from msann_sweep.training.train import threads, train
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
