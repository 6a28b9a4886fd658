"""What the sections search and stopping must fulfil together, and what a sampler can learn."""

from __future__ import annotations

from collections.abc import Iterator

from msann_sweep.config.entry import Choice, Constant
from msann_sweep.config.faults import Fault, show
from msann_sweep.config.schema import Search, Stopping
from msann_sweep.config.space import Space

OBJECTIVES = (("cost",), ("cost", "final_mse"))
LEAST_DIMENSIONS = {"gp": 1, "cma_es": 2}


def search_faults(search: Search, stopping: Stopping | None) -> Iterator[Fault]:
    """Settings that exclude each other; ``stopping`` may be missing (it is broken)."""
    if search.objectives not in OBJECTIVES:
        yield Fault(("search", "objectives"), show(search.objectives), "[cost], [cost, final_mse]")
        return
    if search.grid and search.warm_start is not None:
        allowed = "null with search.grid: true, which tries every sample anyway"
        yield Fault(("search", "warm_start"), show(search.warm_start), allowed)
    if len(search.objectives) == 1:
        return
    if search.sampler == "cma_es" and not search.grid:
        allowed = "with two objectives: tpe, random, gp, nsga2"
        yield Fault(("search", "sampler"), show(search.sampler), allowed)
    if search.pruner != "none":
        allowed = "with two objectives: none (Optuna prunes for one objective only)"
        yield Fault(("search", "pruner"), show(search.pruner), allowed)
    if stopping is not None:
        yield from _to_the_end(stopping)


def _to_the_end(stopping: Stopping) -> Iterator[Fault]:
    """A final MSE can be compared only where every trial goes on to its budget."""
    why = "with objective final_mse, for which every trial must go on to its budget"
    if stopping.on_target != "continue":
        yield Fault(("stopping", "on_target"), show(stopping.on_target), f"continue {why}")
    if stopping.race_factor is not None:
        yield Fault(("stopping", "race_factor"), show(stopping.race_factor), f"null {why}")


def sampler_faults(space: Space, search: Search) -> Iterator[Fault]:
    """A sampler that has nothing to learn in this space."""
    least = LEAST_DIMENSIONS.get(search.sampler, 0)
    found = learnable(space, search.sampler)
    if len(found) < least:
        numeric = "numeric ranges" if search.sampler == "cma_es" else "hyperparameters"
        allowed = (
            f"{search.sampler} in a space with {least} or more {numeric} that are part of every "
            f"sample (here: {', '.join(found) or 'none'}); tpe, random, nsga2 in any space"
        )
        yield Fault(("search", "sampler"), show(search.sampler), allowed)


def learnable(space: Space, sampler: str) -> tuple[str, ...]:
    """The hyperparameters that the sampler learns to choose; it draws the others at random.

    tpe learns all of them, also what is conditional. The others learn what is part of every
    sample, cma_es of these the ranges only.
    """
    drawn = [
        name
        for name, entry in space.entries.items()
        if not isinstance(entry, Constant) and len(set(entry.extremes())) > 1
    ]
    if sampler == "random":
        return ()
    if sampler == "tpe":
        return tuple(drawn)
    return tuple(
        name
        for name in drawn
        if space.always_active(name)
        and not (sampler == "cma_es" and isinstance(space.entries[name], Choice))
    )
