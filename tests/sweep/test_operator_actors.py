"""The operator actors on real Ray."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import torch

from msann_sweep.config import Network, OneObjectTask, SweepConfig, load_search_space
from msann_sweep.errors import OperatorError
from msann_sweep.operators import OperatorSet, build_operators, lineage, optimize_prolongation
from msann_sweep.sweep.operator_actors import SharedOperators, map_on_builders
from msann_sweep.sweep.operator_watch import OperatorWatch
from msann_sweep.training.layer_maps import DenseMap
from msann_sweep.training.task import trial_operators
from msann_sweep.training.transfer import MappedTransfer, transfer_to_finest

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
    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
        log_to_driver=False,
    )
    yield
    ray.shutdown()


@pytest.fixture
def sweep(tmp_path: Any) -> SweepConfig:
    file = tmp_path / "space.yaml"
    file.write_text(FILE)
    return load_search_space(file, [f"storage={tmp_path}"])


RANDOM = {"gamma": 1, "k": 1, "prolongation": "random"}


def counted(shared: SharedOperators, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The counters as soon as they meet the condition: sets are built in the background."""
    watch = OperatorWatch(shared, lambda _: None)
    deadline = time.monotonic() + 120
    while not condition(latest := watch.latest()):
        assert time.monotonic() < deadline, latest
        time.sleep(0.1)
    return latest


@ray.remote
def fetch(shared: SharedOperators, sweep: SweepConfig, L: int) -> tuple[bool, float]:
    """In another process: whether the stored array is writable, and an entry of it."""
    P = shared.fetch(sweep.trial({"L": L, **RANDOM})).operators[0][0].matrix()
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
    counters = counted(shared, lambda known: known["built"] == 3 and known["served"] == 4)
    assert counters["loaded"] == counters["restarts"] == 0
    assert counters["bytes"] > 2 * expected.size_bytes
    assert {expected.key, other.key} <= set(counters["keys"])


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_plain_training_waits_for_no_operators(sweep: SweepConfig) -> None:
    shared = SharedOperators(None)
    operators = shared.fetch(sweep.trial({"L": 0}))
    assert operators == build_operators(operators.layers, 0, "path")


@ray.remote
def where_tensors_lie(shared: SharedOperators, sweep: SweepConfig) -> tuple[str, int, list[float]]:
    """The mapped file and the offset in it at which training's own dense P begins, and P."""
    operators = shared.fetch(sweep.trial({"L": 2, **RANDOM}))
    transfer = transfer_to_finest(operators, 2, torch.zeros(1))
    assert isinstance(transfer, MappedTransfer)
    first, last = transfer.maps[0], transfer.maps[2]
    assert isinstance(first, DenseMap)
    assert isinstance(last, DenseMap)
    assert not operators.composed[0, 2].flags.writeable
    address = first.P.data_ptr()
    assert address == last.P.data_ptr() == operators.composed[0, 2].ctypes.data
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, offset, _, _, *file = line.split()
        begin, end = (int(bound, 16) for bound in span.split("-"))
        if begin <= address < end:
            return (
                "".join(file),
                address - begin + int(offset, 16),
                first.P.flatten().tolist(),
            )
    raise AssertionError("the tensor lies in no mapping")


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_processes_train_on_the_same_memory(sweep: SweepConfig) -> None:
    """Read-only views of the object store's memory become tensors, and nothing is copied."""
    # Ray sends along, instead of sharing it, what is smaller than 100 kB.
    larger = {"task": OneObjectTask(n=9), "network": Network(layers=(512, 64, 512))}
    sweep = sweep.model_copy(update=larger)
    shared = SharedOperators.start(sweep)
    places = ray.get([where_tensors_lie.remote(shared, sweep) for _ in range(2)])
    assert places[0] == places[1]
    assert "plasma" in places[0][0]
    expected = build_operators((512, 64, 512), 2, "random", 0).to_finest(0, 2).matrix()
    np.testing.assert_array_equal(places[0][2], expected.astype(np.float32).ravel())


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_killed_registry_comes_back_and_loads_from_disk(sweep: SweepConfig) -> None:
    shared = SharedOperators.start(sweep)
    watch = OperatorWatch(shared, lambda _: None)
    first = shared.fetch(sweep.trial({"L": 3, **RANDOM}))
    counted(shared, lambda known: known["built"] == 3 and known["served"] == 1)
    before = watch.latest()
    os.kill(ray.get(shared.registry.__ray_call__.remote(lambda _: os.getpid())), signal.SIGKILL)
    again = ray.get([fetch.remote(shared, sweep, L) for L in (2, 3)])
    assert {entry for _, entry in again} == {first.operators[0][0].matrix()[3, 2]}
    after = watch.latest()
    assert (before["built"], before["restarts"]) == (3, 0)
    assert (after["built"], after["restarts"], after["loaded"]) == (3, 1, 1)
    assert after["keys"] == before["keys"]


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_what_a_builder_cannot_build_is_the_trials_error(sweep: SweepConfig) -> None:
    trial = sweep.trial({"L": 3, "gamma": 1, "k": 1, "prolongation": "path"})
    shared = SharedOperators.start(sweep)
    with pytest.raises(OperatorError, match="powers of two"):
        shared.fetch(trial.model_copy(update={"layers": (64, 15, 64)}))


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
