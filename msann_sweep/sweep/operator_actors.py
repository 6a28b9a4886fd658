"""Ray actors that build each operator set once and share it through the object store."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    RayActorError,
    RayError,
    WorkerCrashedError,
)
from ray.util import ActorPool

from msann_sweep.config import SweepConfig, TrialConfig
from msann_sweep.config.storage import is_remote, local_folder, user_cache
from msann_sweep.operators import (
    LEARNED,
    OperatorCache,
    OperatorSet,
    build_operators,
    graphs_digest,
    operator_key,
)
from msann_sweep.sweep.operator_counters import OperatorCounters

if TYPE_CHECKING:
    from msann_sweep.data import ImageSet

DEATHS = (ObjectLostError, RayActorError, WorkerCrashedError, NodeDiedError)
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
RETRY_FOR_S = 300.0


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

    def build(self, request: OperatorRequest) -> tuple[OperatorSet, tuple[bool, int]]:
        """The set, ready for training, and whether it was computed, and its bytes.

        Ray keeps both in the object store. A cache that cannot be written is done without.
        """
        built_before = self.cache.built
        arguments = (request.layers, request.L, request.strategy, request.seed)
        try:
            operators = self.cache.get(*arguments, request.graphs, request.kept)
        except OSError:
            operators = build_operators(*arguments, request.graphs, request.kept)
        shared = operators.with_composed()
        return shared, (self.cache.built > built_before, shared.size_bytes)

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


@dataclass
class _Stored:
    """A set's reference and that of how it came about, see :meth:`OperatorBuilder.build`."""

    operators: Any
    origin: Any


class OperatorRegistry:
    """Hands out references to operator sets, having each built by a builder at its first request.

    ``depth`` is the deepest L of the sweep: a level's operators do not depend on L, so the deepest
    set serves every shallower trial. ``graphs`` are those of the strategy learned_graph. The
    registry owns the sets: they die with it, and the one that Ray starts in its place has them
    loaded from the cache.
    """

    def __init__(
        self, depth: int, n_builders: int, folder: Path, graphs: Mapping[int, nx.Graph] | None
    ) -> None:
        self.depth = depth
        self.graphs = graphs
        builder: Any = ray.remote(OperatorBuilder)
        options = {"num_cpus": 0, "num_gpus": 0, "max_restarts": -1, "max_task_retries": -1}
        builders = [builder.options(**options).remote(folder) for _ in range(n_builders)]
        self.builders: Iterator[Any] = cycle(builders)
        self.stored: dict[str, _Stored] = {}
        self.served = 0
        self.waited_s = 0.0
        self.began = time.time()

    def prepare(
        self,
        layers: Sequence[int],
        strategy: str,
        seed: int,
        kept: tuple[int, ...],
        lost: Any = None,
    ) -> list[Any]:
        """The reference to the set for these arguments, in a list so that Ray leaves it alone.

        ``lost`` is what the reference's ``hex()`` was if it can no longer be read.
        """
        graphs = self.graphs if strategy == LEARNED else None
        wanted = OperatorRequest(tuple(layers), self.depth, strategy, seed, graphs, kept)
        stored = self.stored.get(wanted.key)
        if stored is None or stored.operators.hex() == lost:
            references = next(self.builders).build.options(num_returns=2).remote(wanted)
            stored = self.stored[wanted.key] = _Stored(*references)
        return [stored.operators]

    def count(self, waited_s: float) -> None:
        """Note that a trial has got its set after that many seconds."""
        self.served += 1
        self.waited_s += waited_s

    def statistics(self) -> tuple[float, OperatorCounters]:
        """When this registry began, and its counters; sets that are not ready yet do not count."""
        origins = {key: stored.origin for key, stored in self.stored.items()}
        ready, _ = ray.wait(list(origins.values()), num_returns=len(origins), timeout=0)
        known: dict[str, tuple[bool, int]] = {}
        for key, origin in origins.items():
            # A set that failed has told its error to the trial that asked for it.
            with contextlib.suppress(RayError):
                if origin in ready:
                    known[key] = ray.get(origin)
        built = sum(computed for computed, _ in known.values())
        return self.began, OperatorCounters(
            built=built,
            loaded=len(known) - built,
            served=self.served,
            bytes=sum(size for _, size in known.values()),
            waited_s=self.waited_s,
            keys=tuple(sorted(known)),
        )


class SharedOperators:
    """A trial's access to the registry; may be sent to any process of the cluster."""

    def __init__(self, registry: Any) -> None:
        self.registry = registry

    @classmethod
    def start(cls, config: SweepConfig, data: ImageSet | None = None) -> SharedOperators:
        """Start the actors and have every set that the space can ask for built, or loaded."""
        depth = max(int(L) for L in config.space.values("L"))
        strategies = [str(name) for name in config.space.values("prolongation") if depth > 0]
        graphs = None
        if LEARNED in strategies:
            # It brings torch with it, which the actors' processes do without.
            from msann_sweep.training.task import correlation_graphs

            graphs = correlation_graphs(config.task, data, config.network.layers)
        actor: Any = ray.remote(OperatorRegistry)
        options = {"num_cpus": 0, "num_gpus": 0, "max_restarts": -1, "max_task_retries": -1}
        n_builders = config.resources.operator_actors
        registry = actor.options(**options).remote(depth, n_builders, cache_folder(config), graphs)
        kept = config.trial({"L": 0}).kept_layers
        for strategy in strategies:
            for seed in range(config.search.seed, config.search.seed + config.search.seeds):
                registry.prepare.remote(config.network.layers, strategy, seed, kept)
        return cls(registry)

    def fetch(self, trial: TrialConfig) -> OperatorSet:
        """The operators of a trial, read from this node's shared memory.

        What dies on the way - registry, builder, the node that holds the set - is waited for.
        Raises Ray's error when it is not back within five minutes, or the set cannot be built.
        """
        if trial.L == 0:
            return build_operators(trial.layers, 0, "path", kept=trial.kept_layers)
        asked = (trial.layers, trial.prolongation, trial.seed, trial.kept_layers)
        began = time.monotonic()
        lost = None
        for pause_s in _pauses():
            try:
                (reference,) = ray.get(self.registry.prepare.remote(*asked, lost))
                lost = reference.hex()
                operators: OperatorSet = ray.get(reference)
                break
            except DEATHS:
                if time.monotonic() - began > RETRY_FOR_S:
                    raise
                time.sleep(pause_s)
        self.registry.count.remote(time.monotonic() - began)
        return operators.truncated(trial.L)

    def ask_statistics(self) -> Any:
        """The reference to :meth:`OperatorRegistry.statistics`; asking waits for nothing."""
        return self.registry.statistics.remote()


def cache_folder(config: SweepConfig) -> Path:
    """Where operator sets are kept: under the storage, or this user's cache if that is a URI."""
    storage = config.storage
    folder = user_cache() if is_remote(storage) else local_folder(storage).resolve()
    return folder / "operators"


def _pauses() -> Iterator[float]:
    """Seconds between one attempt and the next, ever longer."""
    return (min(FIRST_PAUSE_S * 2**attempt, LONGEST_PAUSE_S) for attempt in itertools.count())
