"""The operator actors on real Ray."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

from msann_sweep.config import SweepConfig, load_search_space
from msann_sweep.operators import OperatorSet, build_operators, lineage, optimize_prolongation
from msann_sweep.sweep.operator_actors import SharedOperators, map_on_builders
from msann_sweep.training.task import trial_operators

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


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_restarts_on_the_actors_give_what_they_give_here(tmp_path: Path) -> None:
    g1, g2 = lineage("path", 3)[2:]
    arguments: dict[str, Any] = {"s": 0.6, "start": "random", "restarts": 4, "seed": 2}
    here = optimize_prolongation(g1, g2, **arguments)
    there = optimize_prolongation(g1, g2, map_starts=map_on_builders(2, tmp_path), **arguments)
    np.testing.assert_allclose(there.P, here.P, atol=1e-6)
    assert there.stop_reason == here.stop_reason


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_second_sweep_finds_the_sets_on_disk(sweep: SweepConfig) -> None:
    trial = sweep.trial({"L": 3, "gamma": 1, "k": 1, "prolongation": "random"}, sweep.search.seed)
    first = SharedOperators.start(sweep).fetch(trial)
    files = {file: file.stat().st_mtime_ns for file in Path(sweep.storage, "operators").iterdir()}
    assert f"{first.key}.operators" in {file.name for file in files}
    again = SharedOperators.start(sweep).fetch(trial)
    np.testing.assert_array_equal(again.operators[0][0].matrix(), first.operators[0][0].matrix())
    assert {file: file.stat().st_mtime_ns for file in files} == files


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_graph_is_learned_once_and_equals_the_one_of_training_alone(sweep: SweepConfig) -> None:
    entry = "space.prolongation={choice: [learned_graph], when: {L: '>0'}}"
    learned = load_search_space(sweep.storage + "/space.yaml", [entry, f"storage={sweep.storage}"])
    params = {"L": 3, "gamma": 1, "k": 1, "prolongation": "learned_graph"}
    trial = learned.trial(params, learned.search.seed)
    shared, alone = SharedOperators.start(learned).fetch(trial), trial_operators(trial, None)
    assert shared.key == alone.key
    for level in range(3):
        np.testing.assert_array_equal(
            shared.operators[0][level].matrix(), alone.operators[4][level].matrix()
        )
