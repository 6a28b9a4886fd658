"""The prolongation maps that the sweep's trials were given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from msann_sweep.operators import OperatorSet
from msann_sweep.operators.operator import FloatArray, Identity
from msann_sweep.report.chart import write_csv
from msann_sweep.report.page.curves import best_of_each, strategy_of
from msann_sweep.report.page.images import picture
from msann_sweep.report.page.section import Context, Section, files, note, paragraph, slug
from msann_sweep.report.prolongation_figures import draw_maps, largest_of_blocks

# Of so many fine units every entry of P can be told from its neighbours, on a phone too.
LARGEST_WHOLE = 64
# Larger maps are drawn in at most so many rows of blocks: their entries would be hair lines, and
# a dense P of 1,024 units is half a million of them.
MOST_BLOCKS = 128
HEADER = ("strategy", "units", "units of a block", "fine unit", "coarse unit", "P")


class Map(NamedTuple):
    """P between two levels of a layer, by blocks of side × side units."""

    n_fine: int
    n_coarse: int
    side: int
    P: FloatArray

    @property
    def title(self) -> str:
        """What is shown."""
        shown = "every entry" if self.side == 1 else f"largest of {self.side}×{self.side} blocks"
        return f"{self.n_coarse} to {self.n_fine} units\n{shown}"


def prolongations_section(context: Context) -> Section:
    """|P| of the largest layer and of a small one, a picture a strategy."""
    title = "Prolongation maps"
    best = best_of_each(context.sweep.records, strategy_of)
    every = {name: _maps(context.operators(context.trial(best[name]))) for name in best}
    shown = {name: maps for name, maps in every.items() if maps}
    missing = ", ".join(name for name, maps in every.items() if not maps)
    if not shown:
        why = "the maps are not at hand" if missing else "no MsANN trial has ended"
        return Section(title, note(f"Nothing to show: {why}."))
    words = (
        "How the units of a layer at a coarse level spread over those of the next finer one: black "
        "where |P| is largest. Of a large layer every dot is a block of units, as dark as the "
        f"largest |P| in it; every entry is shown of a layer of {LARGEST_WHOLE} units or fewer."
    )
    if missing:
        words += f" Not shown, because not at hand or too large: {missing}."
    drawn, names = zip(*(_drawn(context, name, maps) for name, maps in shown.items()), strict=True)
    kept = context.keep("prolongations.csv", lambda file: write_csv(file, HEADER, _rows(shown)))
    return Section(title, paragraph(words) + "\n".join(drawn) + files(*names, kept))


def _maps(operators: OperatorSet | None) -> list[Map]:
    """The map of the largest layer, and the largest one that can be shown whole."""
    chains = operators.operators if operators else ()
    every = [each for chain in chains for each in chain if not isinstance(each, Identity)]
    whole = [each for each in every if each.n_fine <= LARGEST_WHOLE]
    largest = [max(group, key=lambda each: each.n_fine) for group in (every, whole) if group]
    maps = []
    for each in dict.fromkeys(largest):
        side = -(-each.n_fine // MOST_BLOCKS)
        maps.append(Map(each.n_fine, each.n_coarse, side, largest_of_blocks(each, side)))
    return maps


def _drawn(context: Context, strategy: str, maps: Sequence[Map]) -> tuple[str, str]:
    titled = {each.title: each.P for each in maps}
    return picture(
        context,
        f"prolongations-{slug(strategy)}.png",
        partial(draw_maps, titled, f"|P|, {strategy}"),
        f"Prolongation maps, {strategy}: {'; '.join(titled)}".replace("\n", ", "),
    )


def _rows(shown: Mapping[str, Sequence[Map]]) -> Iterator[tuple[object, ...]]:
    """What the pictures show, without zeros; a block is named by its first units."""
    for strategy, maps in shown.items():
        for n_fine, n_coarse, side, P in maps:
            for i, j in np.argwhere(P).tolist():
                yield strategy, f"{n_coarse} to {n_fine}", side, side * i, side * j, float(P[i, j])
