"""What a search space must fulfil as a whole: domains, depth, conditions, and what fits what."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from graphlib import CycleError
from typing import Any

from msann_sweep.config.condition import is_ordering, operands
from msann_sweep.config.entry import Constant, Entry, FloatRange, IntRange
from msann_sweep.config.faults import (
    Fault,
    Path,
    domain_fault,
    one_of,
    show,
    unknown_hyperparameter,
)
from msann_sweep.config.hyperparameters import (
    AGGREGATIONS,
    MULTILEVEL,
    NAMES,
    Value,
    admits,
    deepest_level,
)
from msann_sweep.config.schema import Loss, Network, Search, Stopping, default_layers
from msann_sweep.config.search_checks import sampler_faults, search_faults
from msann_sweep.config.space import Space
from msann_sweep.config.task import MnistLabelsTask, Task

LISTED = ", ".join(AGGREGATIONS)
GALERKIN_RULE = (
    f"galerkin with {LISTED} only; add when: {{prolongation: [{LISTED}]}} to coarse_step"
)

WITH_GALERKIN = "together with coarse_step galerkin"
AT_ONCE_RULE = "simultaneous with exact coarse steps only; cycle with any"


def default_loss(task: Task) -> Loss:
    """The loss of a network whose file names none."""
    return "cross_entropy" if isinstance(task, MnistLabelsTask) else "mse"


def loss_faults(network: Network, task: Task, stopping: Stopping | None) -> Iterator[Fault]:
    """A loss or a target that the task does not know."""
    labels = isinstance(task, MnistLabelsTask)
    if network.loss is not None and (network.loss == "cross_entropy") != labels:
        allowed = "cross_entropy" if labels else "mse, binary_cross_entropy"
        yield Fault(("network", "loss"), show(network.loss), f"for task {task.kind}: {allowed}")
    if stopping is not None and stopping.accuracy is not None and not labels:
        allowed = f"null for task {task.kind}; an accuracy for mnist_labels"
        yield Fault(("stopping", "accuracy"), show(stopping.accuracy), allowed)


def section_faults(sections: Mapping[str, Any], broken: Container[str] = ()) -> list[Fault]:
    """The faults that sections show beside each other; a section may be missing (it is broken).

    ``broken`` names the entries of the space that exist but cannot be used.
    """
    space, search = sections.get("space"), sections.get("search")
    faults: list[Fault] = []
    layers = _layers(sections)
    if layers is not None:
        faults += layer_faults(layers, sections.get("task"), space)
    network, task = sections.get("network"), sections.get("task")
    if network is not None and task is not None:
        faults += loss_faults(network, task, sections.get("stopping"))
    if space is not None:
        depth = deepest_level(layers) if layers else None
        found = [*entry_faults(space, depth), *condition_faults(space, broken)]
        faults += found or combination_faults(space)
    if space is not None and search is not None:
        if search.grid:
            faults += grid_faults(space)
        elif not broken and not faults:
            faults += sampler_faults(space, search)
        faults += start_point_faults(space, search, broken)
    if search is not None:
        faults += search_faults(search, sections.get("stopping"))
    return faults


def _layers(sections: Mapping[str, Any]) -> tuple[int, ...] | None:
    network: Network | None = sections.get("network")
    task = sections.get("task")
    if network is not None and network.layers:
        return network.layers
    if network is None or task is None:
        return None
    return default_layers(task.n_pixels, task.n_outputs)


def layer_faults(
    layers: tuple[int, ...],
    task: Task | None,
    space: Space | None,
) -> Iterator[Fault]:
    """Layers that do not fit the task's vectors, or cannot be halved level by level."""
    path: Path = ("network", "layers")
    if len(layers) < 2:
        yield Fault(path, show(layers), "at least an input and an output layer")
    elif task is not None:
        labels = isinstance(task, MnistLabelsTask)
        outputs = "classes" if labels else "pixels"
        sides = [
            (0, "input", task.n_pixels, "pixels"),
            (len(layers) - 1, "output", task.n_outputs, outputs),
        ]
        for place, side, size, what in sides:
            if layers[place] != size:
                allowed = f"{size} for the {side} layer: the {what} of task {task.kind}"
                yield Fault((*path, place), show(layers[place]), allowed)
    plain = space is not None and not _can_coarsen(space)
    for place, size in enumerate(layers):
        outer = place in (0, len(layers) - 1) and task is not None
        if size & (size - 1) and not plain and not outer:
            allowed = f"a power of two, such as {_neighbours(size)} (each level halves every layer)"
            yield Fault((*path, place), show(size), allowed)


def _neighbours(size: int) -> str:
    exponent = size.bit_length()
    return f"{1 << exponent - 1} or {1 << exponent}"


def _can_coarsen(space: Space) -> bool:
    return any(value not in (0, 0.0) for value in space.values("L"))


def entry_faults(space: Space, depth: int | None) -> Iterator[Fault]:
    """Entries under unknown names, and those with a value outside the hyperparameter's domain."""
    for name, entry in space.entries.items():
        path: Path = ("space", name)
        if name not in NAMES:
            yield unknown_hyperparameter(path)
            continue
        if admits(name, int) and isinstance(entry, FloatRange):
            allowed = f"for {name}: whole numbers, e.g. {{int: [low, high]}}"
            yield Fault(path, show(entry.model_dump(mode="json", by_alias=True)), allowed)
            continue
        for inside, value in _extremes(entry):
            fault = domain_fault((*path, *inside), name, value)
            if fault is None and name == "L" and depth is not None:
                fault = depth_fault((*path, *inside), value, depth)
            if fault is not None:
                yield fault


def _extremes(entry: Entry) -> Iterator[tuple[Path, Value]]:
    """The values that decide about the domain, each with its place inside the entry."""
    if isinstance(entry, Constant):
        yield ("value",) if entry.when else (), entry.value
        return
    key = "int" if isinstance(entry, IntRange) else "float"
    key = key if isinstance(entry, IntRange | FloatRange) else "choice"
    for place, value in enumerate(entry.extremes()):
        yield (key, place), value


def depth_fault(path: Path, value: Any, depth: int) -> Fault | None:
    """The fault of a hierarchy deeper than the layers, if it is."""
    if value <= depth:
        return None
    allowed = f"for L: 0 to {depth}; every level halves each layer, and the largest has 2^{depth}"
    return Fault(path, show(value), f"{allowed} = {1 << depth} units")


def condition_faults(space: Space, broken: Container[str]) -> Iterator[Fault]:
    """Conditions on what is not there, or on values that it cannot have; and cycles."""
    for name, entry in space.entries.items():
        for other, condition in entry.when.items():
            path: Path = ("space", name, "when", other)
            if other in broken:
                continue
            if other not in space.entries:
                allowed = f"a hyperparameter of this space: {one_of(space.entries, other)}"
                yield Fault(path, f"a condition on {show(other)}", allowed)
            elif other in NAMES:
                yield from _operand_faults(path, other, condition)
    try:
        space.order()
    except CycleError as error:
        cycle = list(reversed(error.args[1]))
        given = f"conditions in a circle: {' needs '.join(cycle)}"
        implied = [name for name in cycle if name in MULTILEVEL and "L" in cycle]
        hint = f" ({implied[0]} always depends on L)" if implied else ""
        allowed = f"no condition that leads back to its own hyperparameter{hint}"
        yield Fault(("space", cycle[0]), given, allowed)


def _operand_faults(path: Path, name: str, condition: Value | tuple[Value, ...]) -> Iterator[Fault]:
    if is_ordering(condition):
        if not (admits(name, int) or admits(name, float)):
            yield Fault(path, show(condition), f"a value of {name}, or a list of values")
        return
    for value in operands(condition):
        fault = domain_fault(path, name, value)
        if fault is not None:
            yield fault


def combination_faults(space: Space) -> list[Fault]:
    """Galerkin steps where no aggregation could be drawn, or all levels trained at once."""
    clashing = {
        str(sample["prolongation"])
        for sample in space.projections(("coarse_step", "prolongation"))
        if sample.get("coarse_step") == "galerkin"
        and sample.get("prolongation", AGGREGATIONS[0]) not in AGGREGATIONS
    }
    given = f"galerkin together with prolongation {', '.join(sorted(clashing))}"
    faults = [Fault(("space", "coarse_step"), given, GALERKIN_RULE)] if clashing else []
    at_once = [
        sample
        for sample in space.projections(("coarse_step", "schedule"))
        if sample.get("coarse_step") == "galerkin" and sample.get("schedule") == "simultaneous"
    ]
    if at_once:
        faults.append(Fault(("space", "schedule"), f"simultaneous {WITH_GALERKIN}", AT_ONCE_RULE))
    return faults


def grid_faults(space: Space) -> Iterator[Fault]:
    """Ranges that an exhaustive grid cannot enumerate."""
    for name in space.continuous():
        given = show(space.entries[name].model_dump(mode="json", by_alias=True))
        allowed = "with search.grid: true, a constant, a choice, or a range with a step"
        yield Fault(("space", name), given, allowed)


def start_point_faults(space: Space, search: Search, broken: Container[str]) -> Iterator[Fault]:
    """Start points that the space could not have sampled."""
    for number, point in enumerate(search.start_points):
        for name, value in point.items():
            path: Path = ("search", "start_points", number, name)
            if name not in NAMES:
                yield unknown_hyperparameter(path)
            elif name in broken:
                continue
            elif name not in space.entries:
                allowed = f"a hyperparameter of this space: {one_of(space.entries)}"
                yield Fault(path, f"{show(value)} for {name}, which has no entry", allowed)
            else:
                fault = domain_fault(path, name, value)
                yield from [fault] if fault else _outside(path, space.entries[name], value)


def _outside(path: Path, entry: Entry, value: Value) -> Iterator[Fault]:
    options = entry.options()
    if options is not None:
        if value not in options:
            yield Fault(path, show(value), f"what space.{path[-1]} admits: {_shortly(options)}")
    elif isinstance(entry, FloatRange) and not entry.low <= float(value) <= entry.high:
        yield Fault(path, show(value), f"what space.{path[-1]} admits: {entry.low} to {entry.high}")


def _shortly(options: tuple[Value, ...]) -> str:
    if len(options) <= 12:
        return one_of(options)
    return f"{one_of(options[:3])}, ..., {options[-1]}"


def param_faults(
    params: Mapping[str, Any], layers: tuple[int, ...], task: Task, where: str = "params"
) -> Iterator[Fault]:
    """What is wrong with one sample, complete with the constants of the space."""
    for name, value in params.items():
        if name not in NAMES:
            yield unknown_hyperparameter((where, name))
            continue
        fault = domain_fault((where, name), name, value)
        if fault is None and name == "L":
            fault = depth_fault((where, name), value, deepest_level(layers))
        if fault is not None:
            yield fault
    L = params.get("L", 0)
    if isinstance(L, int) and L > 0:
        yield from layer_faults(layers, task, None)
        prolongation = params.get("prolongation", AGGREGATIONS[0])
        if params.get("coarse_step") == "galerkin" and prolongation not in AGGREGATIONS:
            given = f"galerkin together with prolongation {prolongation}"
            allowed = f"galerkin with prolongation {LISTED}; exact with any"
            yield Fault((where, "coarse_step"), given, allowed)
        if params.get("coarse_step") == "galerkin" and params.get("schedule") == "simultaneous":
            given = f"simultaneous {WITH_GALERKIN}"
            yield Fault((where, "schedule"), given, AT_ONCE_RULE)
