"""One trial, made concrete: all that training needs to know."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from msann_sweep.config.hyperparameters import CYCLIC, NAMES, PLAIN, Hyperparameters, Value
from msann_sweep.config.schema import Activation, Loss, Precision
from msann_sweep.config.task import Task


class TrialConfig(Hyperparameters):
    """One sample of the search space with everything else it is trained with.

    Made and checked by :meth:`SweepConfig.trial`.
    """

    task: Task
    """What is learnt."""
    layers: Annotated[tuple[int, ...], Field(min_length=2)]
    """Units per layer, input to output."""
    activation: Activation = "sigmoid"
    """Activation of the hidden layers."""
    loss: Loss = "mse"
    """What is minimised; it decides the output layer's activation."""
    budget_cost: float = Field(256_000.0, gt=0)
    """Training ends at this cost, in finest-level training examples."""
    budget_s: Annotated[float, Field(gt=0)] | None = None
    """Training ends after this many seconds; null: no limit."""
    target: float = Field(0.1, gt=0, lt=1)
    """Fraction of the initial validation MSE to be reached."""
    accuracy: Annotated[float, Field(gt=0, le=1)] | None = None
    """Validation accuracy that is the target instead, where labels are learnt."""
    on_target: Literal["stop", "continue"] = "stop"
    """Whether training ends at the target or goes on to its budget."""
    evaluations_per_decade: int = Field(20, ge=1, le=200)
    """Evaluations while the cost grows tenfold."""
    seed: int = Field(0, ge=0)
    """Seed of the operators, the initial weights and the batches."""
    threads: int = Field(1, ge=1)
    """Threads that torch uses."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the network is trained."""
    precision: Precision = "float32"
    """Of the matrix products; parameters are float32 always."""

    @property
    def kept_layers(self) -> tuple[int, ...]:
        """Numbers of the layers that no level coarsens: a classifier's output."""
        return (len(self.layers) - 1,) if self.loss == "cross_entropy" else ()

    def params(self) -> dict[str, Value]:
        """The hyperparameters that have an effect, in their usual order; at L = 0 a few only."""
        effective = NAMES if self.L > 0 else PLAIN
        idle = CYCLIC if self.schedule == "simultaneous" else ()
        return {
            name: getattr(self, name) for name in NAMES if name in effective and name not in idle
        }
