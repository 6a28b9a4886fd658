"""The hyperparameters of a trial: their names, meanings, domains and defaults, in one place."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Value = int | float | str
"""What a hyperparameter can be set to."""

Optimizer = Literal["tf1_rmsprop", "rmsprop", "adam", "muon"]
Prolongation = Literal[
    "path",
    "grid",
    "grid_shuffled",
    "random",
    "injection",
    "diffuse",
    "optimized",
    "product",
    "learned_graph",
]
CoarseStep = Literal["exact", "galerkin"]
CoarseInit = Literal["glorot_normal", "zero"]
Schedule = Literal["cycle", "simultaneous"]
Cascade = Annotated[int, Field(ge=0)] | Literal["auto"]
Rate = Annotated[float, Field(gt=0)]
BatchSize = Annotated[int, Field(ge=1)]


class Frozen(BaseModel):
    """Base of all models here: immutable, no unknown keys, no silent conversion of types."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=True,
    )


class Hyperparameters(Frozen):
    """Everything a sample of the search space can set; the order is that of every table."""

    L: int = Field(0, ge=0)
    """Number of coarse levels; level 0 is the network itself, and L = 0 is plain training."""
    gamma: int = Field(1, ge=0)
    """Visits to the next coarser level within one visit (1: V cycle, 2: W cycle); only at L > 0."""
    k: int = Field(1, ge=1)
    """Batches per smoothing, before and after every visit to a coarser level; only at L > 0."""
    prolongation: Prolongation = "path"
    """The prolongation maps between levels; only at L > 0. Aggregations of two units each: path
    (neighbours in a row), grid (neighbours on the image's grid), grid_shuffled (the same, pixels
    permuted), diffuse (units half a row apart), learned_graph (the most correlated inputs, or
    neighbours in the task's graph). Dense
    maps: random, injection (every second unit), optimized (the most local one), product (optimized
    along the grid's axes)."""
    learning_rate: Rate = 5e-4
    """Step size at level 0."""
    batch_size: BatchSize = 128
    """Training examples per step, at every level."""
    coarse_step: CoarseStep = "exact"
    """Coarse steps on the full network (exact: the paper) or on a small one (galerkin)."""
    level_lr_growth: float = Field(1.0, gt=0)
    """Step size at level l is learning_rate times this to the power l (1: the paper)."""
    schedule: Schedule = "cycle"
    """Levels in recursive cycles, or all of them at every batch (simultaneous: the control of
    Section 4.4, to which gamma, k and cascade mean nothing; exact steps only)."""
    cascade: Cascade = 0
    """Batches at each coarse level, coarsest first, before the first cycle (0: none; auto: at each
    level until its loss stalls)."""
    coarse_init: CoarseInit = "glorot_normal"
    """Initial weights of the coarse levels (glorot_normal: the paper); only at L > 0."""
    optimizer: Optimizer = "tf1_rmsprop"
    """TensorFlow 1's RMSProp (the paper's), torch's RMSprop or Adam, or Muon (biases by Adam)."""


NAMES: tuple[str, ...] = tuple(Hyperparameters.model_fields)
"""All hyperparameters, in order."""

PLAIN: tuple[str, ...] = ("L", "learning_rate", "batch_size", "optimizer")
"""Those that mean something at L = 0."""

MULTILEVEL: tuple[str, ...] = tuple(name for name in NAMES if name not in PLAIN)
"""Those that mean nothing at L = 0 and are neither sampled nor recorded there."""


CYCLIC: tuple[str, ...] = ("gamma", "k", "cascade")
"""Those that mean nothing with schedule simultaneous."""

AGGREGATIONS: tuple[str, ...] = ("path", "grid", "grid_shuffled", "diffuse", "learned_graph")
"""Values of prolongation that aggregate units, as coarse_step galerkin needs it."""


def admits(name: str, kind: type) -> bool:
    """Whether values of a hyperparameter can be of this kind, int or float."""
    annotation = Hyperparameters.model_fields[name].annotation
    parts = get_args(annotation) or (annotation,)
    return any(kind is part or kind in get_args(part) for part in parts)


def deepest_level(layers: tuple[int, ...]) -> int:
    """The largest L for these layer sizes: every level halves each layer, down to one unit."""
    return max(layers).bit_length() - 1
