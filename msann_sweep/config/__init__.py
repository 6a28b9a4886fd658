"""Search-space files: their format, their checks, and the trials they describe."""

from msann_sweep.config.entry import Choice, Constant, Entry, FloatRange, IntRange
from msann_sweep.config.estimate import SpaceDescription, describe
from msann_sweep.config.hyperparameters import MULTILEVEL, NAMES, Hyperparameters, Value
from msann_sweep.config.load import load_search_space
from msann_sweep.config.schema import (
    Network,
    Resources,
    Search,
    Stopping,
    Tracking,
    Training,
)
from msann_sweep.config.space import Space
from msann_sweep.config.sweep_config import SweepConfig
from msann_sweep.config.task import (
    ImagesTask,
    MnistLabelsTask,
    MnistTask,
    OneObjectTask,
    Task,
    TwoObjectTask,
)
from msann_sweep.config.trial import TrialConfig
from msann_sweep.errors import ConfigError, Problem

__all__ = [
    "MULTILEVEL",
    "NAMES",
    "Choice",
    "ConfigError",
    "Constant",
    "Entry",
    "FloatRange",
    "Hyperparameters",
    "ImagesTask",
    "IntRange",
    "MnistLabelsTask",
    "MnistTask",
    "Network",
    "OneObjectTask",
    "Problem",
    "Resources",
    "Search",
    "Space",
    "SpaceDescription",
    "Stopping",
    "SweepConfig",
    "Task",
    "Tracking",
    "Training",
    "TrialConfig",
    "TwoObjectTask",
    "Value",
    "describe",
    "load_search_space",
]
