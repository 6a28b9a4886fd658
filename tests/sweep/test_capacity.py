"""How many trials a node has room for."""

from __future__ import annotations

import pytest

from msann_sweep.config import Resources
from msann_sweep.sweep.capacity import trials_on


@pytest.mark.parametrize(
    ("cpus", "gpus", "cpus_per_trial", "gpus_per_trial", "expected"),
    [
        (8, 0, 1, 0, 8),
        (8, 0, 3, 0, 2),
        (1, 0, 0.1, 0, 10),
        (0, 4, 1, 0, 0),
        (8, 2, 1, 1, 2),
        (8, 2, 1, 0, 8),
        (64, 2, 1, 0.5, 4),
        (64, 2, 1, 0.1, 20),
        # A trial's share is of one GPU: 0.4 leaves a fifth of each unused.
        (64, 2, 1, 0.4, 4),
        (64, 3, 1, 2, 1),
        (2, 8, 1, 1, 2),
        (64, 0, 1, 0.5, 0),
    ],
)
def test_trials_on_a_node(
    cpus: float, gpus: float, cpus_per_trial: float, gpus_per_trial: float, expected: int
) -> None:
    resources = Resources(cpus_per_trial=cpus_per_trial, gpus_per_trial=gpus_per_trial)
    node = {"CPU": float(cpus), "GPU": float(gpus), "memory": 1e9}
    assert trials_on(node, resources) == expected
