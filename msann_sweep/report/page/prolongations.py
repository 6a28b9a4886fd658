"""The prolongation maps that the sweep's trials were given."""

from __future__ import annotations

from msann_sweep.operators.operator import FloatArray, Identity
from msann_sweep.report.chart import write_csv
from msann_sweep.report.page.curves import best_of_each, strategy_of
from msann_sweep.report.page.images import picture
from msann_sweep.report.page.section import Context, Section, files, note, paragraph
from msann_sweep.report.prolongation_figures import draw_maps

LARGEST_SHOWN = 64


def prolongations_section(context: Context) -> Section:
    """|P| of one small layer, one picture a strategy."""
    title = "Prolongation maps"
    maps: dict[str, FloatArray] = {}
    missing = []
    for name, record in best_of_each(context.sweep.records, strategy_of).items():
        operators = context.operators(context.trial(record))
        chains = operators.operators if operators else ()
        every = [each for chain in chains for each in chain if not isinstance(each, Identity)]
        legible = [each for each in every if each.n_fine <= LARGEST_SHOWN]
        if legible:
            P = max(legible, key=lambda each: each.n_fine).matrix()
            maps[f"{name}, {P.shape[1]} to {P.shape[0]}"] = P
        else:
            missing.append(name)
    if not maps:
        why = "no MsANN trial has ended" if not missing else "the maps are too large to be shown"
        return Section(title, note(f"Nothing to show: {why}."))
    words = (
        "How the units of a layer at a coarse level spread over those of the next finer one: black "
        f"where |P| is largest. Shown is a layer of at most {LARGEST_SHOWN} units; larger ones "
        "have maps of the same kind."
    )
    if missing:
        words += f" Not shown, because not at hand or too large: {', '.join(missing)}."
    title_of = "|P| from a level to the next finer one"
    drawn, name = picture(
        context,
        "prolongations.png",
        lambda file: draw_maps(maps, title_of, file),
        f"Prolongation maps: {', '.join(maps)}",
    )
    rows = [
        (name, int(i), int(j), float(P[i, j]))
        for name, P in maps.items()
        for i, j in zip(*abs(P).nonzero(), strict=True)
    ]
    header = ("strategy", "fine unit", "coarse unit", "P")
    kept = context.keep("prolongations.csv", lambda file: write_csv(file, header, rows))
    return Section(title, paragraph(words) + drawn + files(name, kept))
