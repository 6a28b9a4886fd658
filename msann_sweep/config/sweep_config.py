"""A search-space file as a whole, and the way from a sample to a trial."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from msann_sweep.config.checks import default_loss, param_faults, section_faults
from msann_sweep.config.document import to_yaml
from msann_sweep.config.faults import raise_any
from msann_sweep.config.hyperparameters import PLAIN, Frozen
from msann_sweep.config.schema import (
    Network,
    Resources,
    Search,
    Stopping,
    Tracking,
    Training,
    default_layers,
)
from msann_sweep.config.space import Space
from msann_sweep.config.task import MnistTask, Task
from msann_sweep.config.trial import TrialConfig
from msann_sweep.secrets import masked


def _plain(value: Any) -> Any:
    """A NumPy scalar as the Python number it stands for; anything else as it is."""
    return value.item() if hasattr(value, "item") else value


def _storage(given: str) -> str:
    """Refuse a file's URI that names a host, or a relative path."""
    if given.startswith("file://") and not given.startswith("file:///"):
        raise ValueError(given)
    return given


class SweepConfig(Frozen):
    """A search-space file, resolved and checked.

    Raises ConfigError, with all faults at once, when the sections do not fit each other.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    """The sweep's name, and that of its directory: letters, digits, dots, dashes, underscores."""
    task: Task = MnistTask()
    """What is learnt."""
    network: Network = Network()
    """The network to train."""
    space: Space = Space()
    """The hyperparameters to vary."""
    training: Training = Training()
    """How one trial is trained."""
    stopping: Stopping = Stopping()
    """When a trial ends before its budget."""
    search: Search = Search()
    """Which samples are tried."""
    resources: Resources = Resources()
    """What the sweep takes of the cluster."""
    tracking: Tracking = Tracking()
    """Where MLflow records the sweep."""
    storage: Annotated[str, Field(min_length=1), AfterValidator(_storage)] = "runs"
    """Path or fsspec URI; the sweep lives in storage/name."""

    @model_validator(mode="after")
    def _resolved_and_checked(self) -> Self:
        if not self.network.layers:
            layers = default_layers(self.task.n_pixels, self.task.n_outputs)
            # The model is frozen for its users; here it is still being made.
            object.__setattr__(self, "network", self.network.model_copy(update={"layers": layers}))
        raise_any(section_faults(dict(self)))
        return self

    def trial(self, params: Mapping[str, Any], seed: int = 0) -> TrialConfig:
        """One sample made concrete.

        What ``params`` leaves out comes from the constants of ``space``, then from ``training``,
        then from the defaults; what has no effect at L = 0 may be given there, and is dropped.
        Values may lie outside the space. Raises ConfigError with all faults, "params.gamma" etc.
        """
        given = self.space.with_constants({name: _plain(value) for name, value in params.items()})
        raise_any(param_faults(given, self.network.layers, self.task))
        if given.get("L", 0) == 0:
            given = {name: value for name, value in given.items() if name in PLAIN}
        training = self.training.model_dump(
            include={"optimizer", "batch_size", "coarse_init", "learning_rate"}
        )
        return TrialConfig(
            **(training | given),
            task=self.task,
            layers=self.network.layers,
            activation=self.network.activation,
            loss=self.network.loss or default_loss(self.task),
            budget_cost=self.training.budget_cost,
            budget_s=self.training.budget_s,
            target=self.stopping.target,
            accuracy=self.stopping.accuracy,
            on_target=self.stopping.on_target,
            evaluations_per_decade=self.training.evaluations_per_decade,
            seed=seed,
            threads=math.ceil(self.resources.cpus_per_trial),
            device="cuda" if self.resources.gpus_per_trial > 0 else "cpu",
            precision=self.training.precision,
        )

    def to_yaml(self) -> str:
        """The resolved file, every section with all its values; it loads back as an equal one.

        But for passwords in URIs: they are masked.
        """
        return masked(to_yaml(self.model_dump(mode="json", by_alias=True)))

    def without_secrets(self) -> Self:
        """The same for those who train: without the sections that may hold a password."""
        search = self.search.model_copy(update={"storage": None})
        return self.model_copy(update={"tracking": Tracking(), "search": search})
