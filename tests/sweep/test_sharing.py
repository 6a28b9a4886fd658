"""Operators on a cluster of several nodes: one build for all, and the loss of a node."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.raylets import PATIENCE_S, Raylets, processes

# The registry is started over and over until it is not on the head, which must not be killed.
DRIVER = """
import json, sys, time
import ray
from msann_sweep.config import load_search_space
from msann_sweep.sweep import cluster
from msann_sweep.sweep.operator_actors import SharedOperators
from msann_sweep.sweep.operator_watch import OperatorWatch

@ray.remote(num_cpus=1)
def fetch(shared, trial):
    P = shared.fetch(trial).composed[0, 3]
    return ray.get_runtime_context().get_node_id(), float(P[5, 1]), bool(P.flags.writeable)

config = load_search_space("space.yaml", [f"resources.address={sys.argv[1]}"])
cluster.connect(config)
here = ray.get_runtime_context().get_node_id()
while True:
    shared = SharedOperators.start(config)
    place = lambda actor: ray.get_runtime_context().get_node_id()
    if ray.get(shared.registry.__ray_call__.remote(place)) != here:
        break
watch = OperatorWatch(shared, lambda _: None)
trial = config.trial({"L": 3, "gamma": 1, "k": 1, "prolongation": "random"}, config.search.seed)
answers = ray.get([fetch.remote(shared, trial) for _ in range(8)])
deadline = time.monotonic() + 300

def made(counters):
    return counters["built"] + counters["loaded"]

# The second seed's set, which nobody asks for here, is built meanwhile.
while watch.latest()["served"] < 8 or made(watch.latest()) < 2:
    assert time.monotonic() < deadline
    time.sleep(0.1)
print(json.dumps({"answers": answers, "counters": watch.latest(),
                  "registry": ray.get(shared.registry.__ray_call__.remote(place))}), flush=True)
sys.stdin.readline()
answers = ray.get([fetch.remote(shared, trial) for _ in range(4)])
print(json.dumps({"answers": answers, "counters": watch.latest(),
                  "registry": ray.get(shared.registry.__ray_call__.remote(place))}), flush=True)
"""
SPACE = """
task: {kind: one_object, n: 9}
network: {layers: [512, 64, 512]}
space: {L: {int: [1, 3]}, prolongation: random}
search: {trials: 4, seeds: 2}
"""


@pytest.mark.slow
def test_one_build_serves_all_nodes_and_outlives_its_own(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    with Raylets() as raylets:
        raylets.head(cpus=0)
        others = [raylets.add(cpus=2) for _ in range(2)]
        driver = subprocess.Popen(
            [sys.executable, "-c", DRIVER, raylets.address], cwd=tmp_path,
            env={**raylets.environment, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert driver.stdin
        assert driver.stdout
        before = answer(iter(driver.stdout.readline, ""))
        by_node = {raylet_id(node.pid): node for node in others}
        raylets.kill(by_node[before["registry"]])
        raylets.add(cpus=2)
        output, _ = driver.communicate("go on\n", timeout=PATIENCE_S)
        assert driver.returncode == 0
        after = answer(output.splitlines())
    entries = {entry for _, entry, _ in before["answers"] + after["answers"]}
    assert len(entries) == 1
    assert not any(writable for _, _, writable in before["answers"] + after["answers"])
    assert after["registry"] != before["registry"]
    assert before["registry"] not in {node for node, _, _ in after["answers"]}
    # Two seeds of one strategy; a registry that was on the head may have built some on disk.
    counters = before["counters"]
    assert counters["built"] + counters["loaded"] == 2
    assert after["counters"]["restarts"] == 1
    assert after["counters"]["built"] == counters["built"]
    assert after["counters"]["keys"] == counters["keys"]


def answer(lines: Iterable[str]) -> dict[str, Any]:
    """The driver's next answer; Ray says of its own accord that a node has died."""
    found: dict[str, Any] = json.loads(next(line for line in lines if line.startswith("{")))
    return found


def raylet_id(session: int) -> str:
    """The id of the node that a ``ray start`` process has started."""
    for pid, (_, its_session) in processes().items():
        if its_session == session:
            arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            found = [each for each in arguments if each.startswith("--node_id=")]
            if found and arguments[0].endswith("raylet"):
                return found[0].partition("=")[2]
    raise AssertionError(f"process {session} has no raylet")
