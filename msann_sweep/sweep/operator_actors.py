"""Ray actors that build each operator set once and share it through the object store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import networkx as nx
import ray
from ray.util import ActorPool

from msann_sweep.config import SweepConfig, TrialConfig
from msann_sweep.data import Mnist
from msann_sweep.operators import (
    LEARNED,
    OperatorCache,
    OperatorSet,
    graphs_digest,
    operator_key,
)
from msann_sweep.training.task import correlation_graphs


@dataclass(frozen=True)
class OperatorRequest:
    """The arguments of :func:`build_operators`; equal keys mean equal operators."""

    layers: tuple[int, ...]
    L: int
    strategy: str
    seed: int
    graphs: Mapping[int, nx.Graph] | None = None
    kept: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        digest = graphs_digest(self.graphs or {})
        return operator_key(self.layers, self.L, self.strategy, self.seed, digest, self.kept)


class OperatorBuilder:
    """Builds operator sets in a process of its own, or takes them from ``folder``'s cache."""

    def __init__(self, folder: Path) -> None:
        self.cache = OperatorCache(folder)

    def build(self, request: OperatorRequest) -> OperatorSet:
        """The operator set; Ray keeps it in the object store."""
        return self.cache.get(
            request.layers,
            request.L,
            request.strategy,
            request.seed,
            request.graphs,
            request.kept,
        )

    def solve(self, method: Callable[[Any], Any], start: Any) -> Any:
        """One start of an optimisation."""
        return method(start)


def map_on_builders(n_builders: int, folder: Path) -> Callable[..., list[Any]]:
    """A ``map_starts`` for :func:`optimize_prolongation` that works on a pool of builders.

    Ray must be running. Results come in the order of the starts, so that they do not depend on it.
    """

    def mapped(method: Callable[[Any], Any], starts: Iterable[Any]) -> list[Any]:
        builder: Any = ray.remote(OperatorBuilder)
        pool = ActorPool([builder.options(num_cpus=0).remote(folder) for _ in range(n_builders)])
        solutions: list[Any] = list(
            pool.map(lambda actor, start: actor.solve.remote(method, start), list(starts))
        )
        return solutions

    return mapped


class OperatorRegistry:
    """Hands out references to operator sets, having each built by a builder at its first request.

    ``depth`` is the deepest L of the sweep: a level's operators do not depend on L, so the deepest
    set serves every shallower trial. ``graphs`` are those of the strategy learned_graph.
    """

    def __init__(
        self, depth: int, n_builders: int, folder: Path, graphs: Mapping[int, nx.Graph] | None
    ) -> None:
        self.depth = depth
        self.graphs = graphs
        builder: Any = ray.remote(OperatorBuilder)
        options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1}
        builders = [builder.options(**options).remote(folder) for _ in range(n_builders)]
        self.builders: Iterator[Any] = cycle(builders)
        self.references: dict[str, Any] = {}
        self.served = 0

    def request(
        self, layers: Sequence[int], strategy: str, seed: int, kept: tuple[int, ...]
    ) -> list[Any]:
        """The reference to the set for these arguments, in a list so that Ray leaves it alone."""
        graphs = self.graphs if strategy == LEARNED else None
        wanted = OperatorRequest(tuple(layers), self.depth, strategy, seed, graphs, kept)
        if wanted.key not in self.references:
            self.references[wanted.key] = next(self.builders).build.remote(wanted)
        self.served += 1
        return [self.references[wanted.key]]

    def statistics(self) -> dict[str, Any]:
        """Sets built, their keys, and how often one was handed out."""
        keys = sorted(self.references)
        return {"built": len(keys), "served": self.served, "keys": keys}


class SharedOperators:
    """A trial's access to the registry; may be sent to any process of the cluster."""

    def __init__(self, registry: Any) -> None:
        self.registry = registry

    @classmethod
    def start(cls, config: SweepConfig, data: Mnist | None = None) -> SharedOperators:
        """Start the actors and have every set that the space can ask for built, or loaded."""
        depth = max(config.space.values("L"))
        strategies = config.space.values("prolongation")
        graphs = None
        if LEARNED in strategies:
            graphs = correlation_graphs(config.task, data, config.network.layers)
        folder = Path(config.storage).resolve() / "operators"
        actor: Any = ray.remote(OperatorRegistry)
        n_builders = config.resources.operator_actors
        shared = cls(actor.options(num_cpus=0).remote(depth, n_builders, folder, graphs))
        kept = config.trial({"L": 0}).kept_layers
        for strategy in strategies:
            for seed in range(config.search.seed, config.search.seed + config.search.seeds):
                shared.registry.request.remote(config.network.layers, strategy, seed, kept)
        return shared

    def fetch(self, trial: TrialConfig) -> OperatorSet:
        """The operators of a trial, read from shared memory."""
        request = self.registry.request.remote(
            trial.layers, trial.prolongation, trial.seed, trial.kept_layers
        )
        (reference,) = ray.get(request)
        operators: OperatorSet = ray.get(reference)
        return operators.truncated(trial.L)

    def statistics(self) -> dict[str, Any]:
        """See :meth:`OperatorRegistry.statistics`."""
        counters: dict[str, Any] = ray.get(self.registry.statistics.remote())
        return counters
