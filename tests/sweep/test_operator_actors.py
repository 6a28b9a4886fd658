"""The operator actors on real Ray."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import ray

from msann_sweep.config import SweepConfig, load_search_space
from msann_sweep.operators import OperatorSet, build_operators
from msann_sweep.sweep.operator_actors import SharedOperators

FILE = """
task: {kind: one_object, n: 6}
network: {layers: [64, 16, 8, 16, 64]}
space:
  L: {int: [0, 3]}
  gamma: {choice: [1], when: {L: ">0"}}
  prolongation: {choice: [path, random], when: {L: ">0"}}
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def sweep(tmp_path: Any) -> SweepConfig:
    file = tmp_path / "space.yaml"
    file.write_text(FILE)
    return load_search_space(file, [f"storage={tmp_path}"])


@ray.remote
def fetch(shared: SharedOperators, sweep: SweepConfig, L: int) -> tuple[bool, float]:
    """In another process: whether the stored array is writable, and an entry of it."""
    trial = sweep.trial({"L": L, "gamma": 1, "k": 1, "prolongation": "random"})
    P = shared.fetch(trial).operators[0][0].matrix()
    return bool(P.flags.writeable), float(P[3, 2])


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_set_is_built_once_and_read_from_shared_memory(sweep: SweepConfig) -> None:
    shared = SharedOperators.start(sweep)
    answers = ray.get([fetch.remote(shared, sweep, L) for L in (1, 2, 3, 3)])
    expected = build_operators((64, 16, 8, 16, 64), 3, "random", sweep.search.seed)
    # Each trial's own seed is 0 here, so that the set is one that nothing had asked for before.
    other = build_operators((64, 16, 8, 16, 64), 3, "random", 0)
    assert {writable for writable, _ in answers} == {False}
    assert {entry for _, entry in answers} == {other.operators[0][0].matrix()[3, 2]}
    counters = shared.statistics()
    assert counters["built"] == len(counters["keys"]) == 3
    assert counters["served"] == 2 + 4
    assert {expected.key, other.key} <= set(counters["keys"])


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_shallow_trial_gets_the_top_of_the_deepest_set(sweep: SweepConfig) -> None:
    shared = SharedOperators.start(sweep)
    trial = sweep.trial({"L": 1, "gamma": 1, "k": 1, "prolongation": "path"})
    operators = shared.fetch(trial)
    assert isinstance(operators, OperatorSet)
    assert operators.L == 1
    reference = build_operators(trial.layers, 1, "path", trial.seed)
    np.testing.assert_array_equal(
        operators.operators[0][0].matrix(), reference.operators[0][0].matrix()
    )
