"""How many trials run at once: what the cluster has room for, as its nodes come and go."""

from __future__ import annotations

import time
from typing import Any

import ray
from ray.tune.search import ConcurrencyLimiter, Searcher

from msann_sweep.config import Resources
from msann_sweep.errors import ResourceError
from msann_sweep.sweep.snapshot import LeftOutOfSnapshots

REFRESH_S = 1.0
# Shares such as 1 / 0.1 must not be rounded down for being a little below a whole number.
ROUNDING = 1e-6


def check_room(resources: Resources) -> None:
    """Raise ResourceError unless a node has room for a trial.

    What the whole cluster lacks is said with what it has.
    """
    wanted = {"CPU": resources.cpus_per_trial, "GPU": resources.gpus_per_trial}
    nodes = _alive()
    for kind, amount in wanted.items():
        most = max((node.get(kind, 0.0) for node in nodes), default=0.0)
        if amount > most:
            where = "the cluster" if len(nodes) == 1 else f"the largest of {len(nodes)} nodes"
            raise ResourceError(
                f"resources.{kind.lower()}s_per_trial: got {amount:g}; {where} has {most:g} {kind}s"
            )
    if trials_at_once(resources) == 0:
        raise ResourceError(
            f"resources: no node has both {resources.cpus_per_trial:g} CPUs and "
            f"{resources.gpus_per_trial:g} GPUs for a trial"
        )


def trials_at_once(resources: Resources) -> int:
    """How many trials the cluster has room for: each runs on one node."""
    return sum(trials_on(node, resources) for node in _alive())


def trials_on(node: dict[str, float], resources: Resources) -> int:
    """How many trials fit on a node with these resources; shares of a GPU are of one GPU."""
    rooms = [int(node.get("CPU", 0.0) / resources.cpus_per_trial + ROUNDING)]
    share, gpus = resources.gpus_per_trial, node.get("GPU", 0.0)
    if share >= 1:
        rooms.append(int(gpus / share + ROUNDING))
    elif share > 0:
        rooms.append(int(gpus) * int(1 / share + ROUNDING))
    return min(rooms)


def _alive() -> list[dict[str, float]]:
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray's own
    return [node["Resources"] for node in nodes if node["Alive"]]


class FollowsCluster(LeftOutOfSnapshots, ConcurrencyLimiter):
    """Lets Tune have as many trials as the cluster has room for at the moment."""

    def __init__(self, searcher: Searcher, resources: Resources) -> None:
        self.resources = resources
        self._known = trials_at_once(resources)
        self._known_until = 0.0
        super().__init__(searcher, max(self._known, 1))

    @property
    def max_concurrent(self) -> int:
        """Room for trials, asked for once in a while."""
        if time.monotonic() > self._known_until:
            self._known = trials_at_once(self.resources)
            self._known_until = time.monotonic() + REFRESH_S
        return self._known

    @max_concurrent.setter
    def max_concurrent(self, _: int) -> None:
        """Ray's own class sets the number that it is made with."""
