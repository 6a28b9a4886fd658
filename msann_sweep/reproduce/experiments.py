"""The sweeps behind the paper's tables and figures, whole or small enough for a small machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Literal

from msann_sweep.config import SweepConfig, load_search_space

Budget = Literal["small", "paper"]
PROTOCOL = Path(__file__).with_name("paper.yaml")


@dataclass(frozen=True)
class Experiment:
    """One sweep of the paper's, as changes to its protocol.

    ``changes`` are those of either budget, ``small`` those of the small one on top of them, written
    as for ``--set``; ``left_out`` says what the small one does without.
    """

    name: str
    title: str
    changes: tuple[str, ...]
    small: tuple[str, ...]
    left_out: str = field(repr=False)

    def config(self, budget: Budget, storage: str, overrides: Sequence[str] = ()) -> SweepConfig:
        """The sweep, kept under ``storage``. Raises ConfigError for overrides that do not fit."""
        changes = (
            f"name=paper-{self.name}-{budget}",
            f"storage={storage}",
            *self.changes,
            *(self.small if budget == "small" else ()),
            *overrides,
        )
        return load_search_space(PROTOCOL, changes)


OBJECTS_LEFT_OUT = (
    "gamma = 0 and every k but 4 and 16; training after 1/10 of the initial MSE, so that there is "
    "no final MSE and curves end there"
)
OBJECTS_SMALL = (
    "space.gamma={choice: [1, 2, 3]}",
    "space.k={choice: [4, 16]}",
    "stopping.on_target=stop",
)

ONE_OBJECT = Experiment(
    name="one_object",
    title="one object",
    changes=("task={kind: one_object, noise: 0.0}", "space.prolongation=path"),
    small=OBJECTS_SMALL,
    left_out=OBJECTS_LEFT_OUT,
)
TWO_OBJECT = Experiment(
    name="two_object",
    title="two objects",
    changes=("task={kind: two_object, noise: 0.0}", "space.prolongation=path"),
    small=OBJECTS_SMALL,
    left_out=OBJECTS_LEFT_OUT,
)
# The paper's best of grids, which takes longest, first; then a grid about its best of paths.
MNIST_POINTS = [
    {"gamma": gamma, "L": L, "k": k, "prolongation": P}
    for gamma, L, k, P in (
        *product([3], [6], [128], ["grid", "path"]),
        *product([1, 2, 3], [3, 5], [32], ["path", "grid"]),
    )
]
MNIST = Experiment(
    name="mnist",
    title="MNIST",
    changes=(),
    small=(
        "task={kind: mnist, validation: 2000}",
        "search.grid=false",
        "search.sampler=random",
        f"search.trials={len(MNIST_POINTS)}",
        f"search.start_points={json.dumps(MNIST_POINTS)}",
        "stopping.on_target=stop",
    ),
    left_out=(
        "gamma = 0, and every L and k but 3 and 5 with 32 and, at gamma = 3, 6 with 128; 8,000 of "
        "the 10,000 test images; training after 1/10 of the initial MSE, so that there is no final "
        "MSE and curves end there"
    ),
)
STRATEGIES = Experiment(
    name="strategies",
    title="MNIST, choices of P",
    changes=(
        "space.L=6",
        "space.gamma=3",
        "space.k=1",
        "space.prolongation={choice: [path, grid, grid_shuffled, random]}",
        "space.schedule={choice: [cycle, simultaneous], when: {prolongation: path}}",
    ),
    small=("task={kind: mnist, validation: 2000}", "training.budget_cost=16000"),
    left_out="8,000 of the 10,000 test images; training beyond a cost of 16,000",
)
EXPERIMENTS = {each.name: each for each in (ONE_OBJECT, TWO_OBJECT, MNIST, STRATEGIES)}

NEEDED: dict[str, tuple[Experiment, ...]] = {
    "table1": (ONE_OBJECT,),
    "table2": (TWO_OBJECT,),
    "table3": (MNIST,),
    "figure2": (),
    "figure3": (),
    "figure4": (),
    "figure5": (ONE_OBJECT, TWO_OBJECT),
    "figure6": (MNIST,),
    "figure7": (STRATEGIES,),
    "figureSM1": (),
}
"""The sweeps that each table and figure is made from."""
