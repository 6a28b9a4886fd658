"""The sections of a search-space file and their defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from msann_sweep.config.hyperparameters import (
    BatchSize,
    CoarseInit,
    Frozen,
    Optimizer,
    Rate,
    Value,
)

Positive = Annotated[float, Field(gt=0)]
AtLeastOne = Annotated[int, Field(ge=1)]
Activation = Literal["sigmoid", "tanh", "relu"]
Loss = Literal["mse", "binary_cross_entropy", "cross_entropy"]
Sampler = Literal["tpe", "random", "gp", "cma_es", "nsga2"]
Objective = Literal["cost", "final_mse"]
Pruner = Literal["none", "asha", "median"]
Precision = Literal["float32", "tf32", "bf16"]


def default_layers(n_pixels: int, n_outputs: int) -> tuple[int, ...]:
    """The paper's autoencoder: the input, a quarter, an eighth, a quarter, the input again.

    Where the output is something else than the input, the encoder alone, and the output.
    """
    encoder = n_pixels, n_pixels // 4, n_pixels // 8
    return (*encoder, n_pixels // 4, n_pixels) if n_outputs == n_pixels else (*encoder, n_outputs)


def _layers(given: object) -> object:
    """No layers where the file says null; an empty list is a mistake."""
    if given == []:
        raise PydanticCustomError("allowed", "at least an input and an output layer, or null")
    return () if given is None else given


class Network(Frozen):
    """The network to train: fully connected layers."""

    layers: Annotated[
        tuple[AtLeastOne, ...],
        Field(strict=False),
        BeforeValidator(_layers),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2},
                    {"type": "null"},
                ]
            }
        ),
    ] = ()
    """Units per layer, input to output, powers of two; null: [N, N/4, N/8, N/4, N], N pixels
    (mnist_labels: [N, N/4, N/8, 10])."""
    activation: Activation = "sigmoid"
    """Activation of the hidden layers."""
    loss: Loss | None = None
    """What is minimised: mse or binary_cross_entropy (sigmoid outputs), or, for labels,
    cross_entropy (softmax outputs); null: cross_entropy for mnist_labels, else mse."""


class Training(Frozen):
    """How one trial is trained, as far as the space does not say otherwise."""

    optimizer: Optimizer = "tf1_rmsprop"
    """TensorFlow 1's RMSProp (the paper's), torch's RMSprop or Adam, or Muon (biases by Adam)."""
    learning_rate: Rate = 5e-4
    """Reference rate: that of the default baseline, and of samples if the space has none."""
    batch_size: BatchSize = 128
    """Training examples per step."""
    coarse_init: CoarseInit = "glorot_normal"
    """Initial weights of the coarse levels (glorot_normal: the paper)."""
    budget_cost: Positive = 256_000.0
    """A trial ends at this cost, in finest-level training examples."""
    budget_s: Positive | None = None
    """A trial ends after this many seconds of training; null: no limit."""
    evaluations_per_decade: int = Field(20, ge=1, le=200)
    """Evaluations while the cost grows tenfold."""
    precision: Precision = "float32"
    """Of matrix products where the device has it: float32, tf32 (GPUs) or bf16 (CPUs; GPUs take
    TF32 for it); parameters are float32.

    Muon orthogonalizes large matrices in bf16 on CPUs that multiply it, as torch's always does.
    """


class Stopping(Frozen):
    """When a trial ends before its budget."""

    target: float = Field(0.1, gt=0, lt=1)
    """Fraction of the initial validation MSE to be reached (0.1: cost to 1/10)."""
    accuracy: Annotated[float, Field(gt=0, le=1)] | None = None
    """Validation accuracy to be reached instead, task mnist_labels only; null: target counts."""
    on_target: Literal["stop", "continue"] = "stop"
    """Whether a trial ends at the target or goes on to its budget."""
    race_factor: Annotated[float, Field(gt=1)] | None = 4.0
    """A trial ends when its cost exceeds this times the best cost to target; null: never."""
    sweep_budget_s: Positive | None = None
    """The sweep ends after running for this many seconds, pauses not counted; null: no limit."""
    sweep_budget_cost: Positive | None = None
    """The sweep ends when its trials together have cost this much; null: no limit."""
    patience: AtLeastOne | None = None
    """The sweep ends when this many samples since the best one were no better; null: never."""


class Search(Frozen):
    """Which samples are tried, and how many at once."""

    sampler: Sampler = "tpe"
    """Optuna's sampler: tpe, random, gp (Gaussian process), cma_es, nsga2; ignored with grid."""
    objectives: Annotated[tuple[Objective, ...], Field(strict=False, min_length=1)] = ("cost",)
    """What is minimised: [cost] (cost to the target) or [cost, final_mse] (their Pareto front)."""
    seed: int = Field(1, ge=0)
    """Seed of the sampler and of the first trial of every sample."""
    trials: AtLeastOne = 24
    """Number of samples, baselines not counted; ignored with grid."""
    seeds: AtLeastOne = 1
    """Trials per sample (and per baseline), each with its own seed."""
    concurrency: Literal["auto"] | AtLeastOne = "auto"
    """Trials at once; auto: as many as the cluster has room for."""
    start_points: Annotated[tuple[dict[str, Value], ...], Field(strict=False)] = ()
    """Samples to begin with, each {hyperparameter: value, ...}; what is left out is sampled."""
    baselines: bool = True
    """Whether plain training is run too: the default and the tuned default."""
    baseline_rates: int = Field(6, ge=0)
    """Learning rates tried for the tuned default, spread over the space's range."""
    grid: bool = False
    """Try every sample of the space once, in order, instead of asking the sampler."""
    pruner: Pruner = "none"
    """Stops samples whose MSE is behind the others' at the same cost: asha (all but the best third
    at costs of budget_cost / 3, / 9, ...) or median; none: no sample."""
    storage: Annotated[str, Field(min_length=1)] | None = None
    """Optuna storage URL of the study, e.g. postgresql://host/db; null: a journal file in the
    sweep's directory. A relative SQLite path is below storage."""
    warm_start: Annotated[str, Field(min_length=1)] | None = None
    """An earlier sweep (its name under storage, or its directory) whose samples the sampler learns
    from; null: none."""


class Resources(Frozen):
    """What the sweep takes of the cluster."""

    cpus_per_trial: Positive = 1.0
    """CPUs per trial; rounded up, also its number of threads."""
    gpus_per_trial: float = Field(0.0, ge=0)
    """GPUs per trial, fractions allowed; above 0, trials run on a GPU."""
    operator_actors: AtLeastOne = 2
    """Actors that precompute the prolongation operators."""
    address: str | None = None
    """Running Ray cluster to join, HOST:PORT of its head, or auto; null: a local one."""


class Tracking(Frozen):
    """Where MLflow records the sweep."""

    uri: str | None = None
    """Tracking URI; null: an SQLite file under storage."""
    experiment: Annotated[str, Field(min_length=1)] = "msann"
    """Name of the MLflow experiment."""
    artifact_location: str | None = None
    """Where a new experiment keeps its artifacts; null: MLflow's choice."""
    registered_model: Annotated[str, Field(pattern=r"^[^/:]+$")] | None = "auto"
    """Name under which the best weights are registered; auto: the sweep's; null: not at all."""
