"""The search space: which hyperparameters are sampled, from what, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from math import prod
from typing import Any

from pydantic import ConfigDict, GetJsonSchemaHandler, RootModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from msann_sweep.config.condition import holds
from msann_sweep.config.entry import AnyEntry, Constant, Entry, FloatRange, IntRange
from msann_sweep.config.hyperparameters import MULTILEVEL, NAMES, Hyperparameters, Value


class Space(RootModel[dict[str, AnyEntry]]):
    """Hyperparameters by name, each a constant, a choice or a range, perhaps conditional.

    Hyperparameters that mean nothing at L = 0 are conditional on L > 0 even if the file does not
    say so. A hyperparameter that is not active is absent from a sample.
    """

    model_config = ConfigDict(frozen=True)

    root: dict[str, AnyEntry] = {}

    @property
    def entries(self) -> dict[str, AnyEntry]:
        """The entries by hyperparameter, in the order of the file."""
        return self.root

    def parents(self, name: str) -> tuple[str, ...]:
        """The hyperparameters that decide whether this one is active."""
        implied = ("L",) if name in MULTILEVEL else ()
        return (*implied, *(other for other in self.root[name].when if other not in implied))

    def order(self) -> tuple[str, ...]:
        """The names, each after those it depends on. Raises graphlib.CycleError for a cycle."""
        graph = {
            name: [parent for parent in self.parents(name) if parent in self.root]
            for name in self.root
        }
        return tuple(TopologicalSorter(graph).static_order())

    def is_active(self, name: str, sample: Mapping[str, Value]) -> bool:
        """Whether the hyperparameter is sampled, given those it depends on."""
        if name in MULTILEVEL and not holds(">0", sample.get("L", 0)):
            return False
        conditions = self.root[name].when.items()
        return all(other in sample and holds(what, sample[other]) for other, what in conditions)

    def always_active(self, name: str) -> bool:
        """Whether the hyperparameter is part of every sample."""
        samples = self.projections(self.parents(name))
        return all(self.is_active(name, sample) for sample in samples)

    def contains(self, sample: Mapping[str, Value]) -> bool:
        """Whether the sample could have been drawn: exactly what is active, values as admitted."""
        active = [name for name in self.order() if self.is_active(name, sample)]
        return set(active) == set(sample) and all(
            self.root[name].admits(sample[name]) for name in active
        )

    def walk(self, choose: Callable[[str, Entry], Any]) -> dict[str, Any]:
        """One sample: the active hyperparameters, with ``choose(name, entry)`` as their values.

        ``choose`` is not called for constants, and for each other entry after those it depends on.
        """
        sample: dict[str, Any] = {}
        for name in self.order():
            if self.is_active(name, sample):
                entry = self.root[name]
                sample[name] = entry.value if isinstance(entry, Constant) else choose(name, entry)
        return sample

    def with_constants(self, params: Mapping[str, Value]) -> dict[str, Value]:
        """``params`` and the constants that are active with them and not among them."""
        sample = dict(params)
        for name in self.order():
            entry = self.root[name]
            if name not in sample and isinstance(entry, Constant) and self.is_active(name, sample):
                sample[name] = entry.value
        return sample

    def values(self, name: str) -> tuple[Value, ...]:
        """All values a hyperparameter can take (bounds of a continuous range; else the default)."""
        if name not in self.root:
            return (Hyperparameters.model_fields[name].default,)
        entry = self.root[name]
        return entry.options() or entry.extremes()

    def projections(self, names: Iterable[str]) -> Iterator[dict[str, Value]]:
        """All distinct samples of these hyperparameters and those that decide about them.

        Of a continuous range only the bounds are visited.
        """
        order = [name for name in self.order() if name in self._with_ancestors(names)]

        def extend(sample: dict[str, Value], depth: int) -> Iterator[dict[str, Value]]:
            if depth == len(order):
                yield sample
                return
            name = order[depth]
            if not self.is_active(name, sample):
                yield from extend(sample, depth + 1)
                return
            for value in self.values(name):
                yield from extend({**sample, name: value}, depth + 1)

        return extend({}, 0)

    def _with_ancestors(self, names: Iterable[str]) -> set[str]:
        found: set[str] = set()
        open_names = [name for name in names if name in self.root]
        while open_names:
            name = open_names.pop()
            if name not in found:
                found.add(name)
                open_names += [parent for parent in self.parents(name) if parent in self.root]
        return found

    def continuous(self) -> tuple[str, ...]:
        """The hyperparameters with infinitely many values."""
        return tuple(name for name, entry in self.root.items() if entry.options() is None)

    def grid(self) -> Iterator[dict[str, Value]]:
        """All distinct samples, in a stable order: the last hyperparameter varies fastest.

        Raises ValueError if a range is continuous; SweepConfig admits no such grid.
        """
        if self.continuous():
            raise ValueError(f"a continuous range has no grid: {', '.join(self.continuous())}")
        return self.projections(self.root)

    def size(self) -> int | None:
        """Number of distinct samples; None if a range is continuous."""
        if self.continuous():
            return None
        # Only what others depend on is enumerated; the rest multiplies.
        deciding = self._with_ancestors(
            parent for name in self.root for parent in self.parents(name)
        )
        others = {name: len(self.values(name)) for name in self.root if name not in deciding}
        return sum(
            prod(count for name, count in others.items() if self.is_active(name, sample))
            for sample in self.projections(deciding)
        )

    def baseline_rates(self, n: int, reference: float = 5e-4) -> list[float]:
        """``n`` learning rates for the tuned default, spread geometrically over the space's range.

        Of a choice at most ``n`` of its values, evenly; around a constant (or ``reference``, if
        the space says nothing) from an eighth of it to eight times it.
        """
        entry = self.root.get("learning_rate")
        if isinstance(entry, IntRange | FloatRange):
            low, high = (float(bound) for bound in entry.bounds)
        elif entry is None or isinstance(entry, Constant):
            rate = float(entry.value) if entry else reference
            low, high = rate / 8, rate * 8
        else:
            rates = sorted(float(rate) for rate in entry.values)
            count = min(n, len(rates))
            return [rates[round(position * (len(rates) - 1))] for position in _spread(count)]
        return [low * (high / low) ** position for position in _spread(n)]

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """One property per hyperparameter, so that editors complete and explain the names."""
        written = handler.resolve_ref_schema(handler(schema))
        entry = written.pop("additionalProperties")
        docs = {name: Hyperparameters.model_fields[name].description for name in NAMES}
        written["properties"] = {name: {"description": docs[name], **entry} for name in NAMES}
        written["additionalProperties"] = False
        return written


def _spread(n: int) -> list[float]:
    """``n`` even positions from 0 to 1; a single one stands in the middle."""
    return [0.5] if n == 1 else [i / (n - 1) for i in range(n)]
