"""MSE against cost as in the paper's Figures 5 and 6, the same against seconds, and Figure 7."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from msann_sweep.report.chart import NEUTRAL, Chart, Panel, Series, style, write_points
from msann_sweep.report.chart_html import embed_chart
from msann_sweep.report.chart_picture import draw
from msann_sweep.report.page.section import Context, Section, files, note, paragraph
from msann_sweep.report.terms import Terms
from msann_sweep.report.wording import mse, number, outcome, parameters
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.sample import Sample, samples_of
from msann_sweep.sweep.summary import compare_samples, rank_by_cost

Axis = Literal["cost", "wall_s"]
X_LABELS: dict[Axis, str] = {
    "cost": "training cost (examples of the finest level)",
    "wall_s": "seconds of training",
}
Y_LABEL = "validation MSE"
SO_FAR = "trials so far"
MOST_PANELS = 6
MOST_CURVES = 12
STRATEGY_NAMES = {
    "grid_shuffled": "grid, shuffled",
    "learned_graph": "learned graph",
    "simultaneous": "all levels at once",
}


def curve_sections(context: Context) -> list[Section]:
    """Against cost, against seconds, and by prolongation."""
    by_gamma = panels_by_gamma(context.sweep.records)
    if not by_gamma and not _baselines(context):
        by_gamma = {SO_FAR: _running(context)}
    sections = [_curves(context, by_gamma, axis) for axis in ("cost", "wall_s")]
    return [*sections, _strategies(context)]


def _curves(
    context: Context, panels: Mapping[str, Mapping[str, TrialRecord]], axis: Axis
) -> Section:
    loss = Terms.of(context.sweep.config).loss
    title = f"{loss} against {'cost' if axis == 'cost' else 'seconds'}"
    shown = dict(list(panels.items())[:MOST_PANELS]) or {"plain training": {}}
    chart = Chart(
        "curves-cost" if axis == "cost" else "curves-seconds",
        f"{title}: {context.sweep.name}",
        X_LABELS[axis],
        y_label(context),
        tuple(_panel(context, name, chosen, axis) for name, chosen in shown.items()),
    )
    words = "The first trials that have a curve; none has a result that could be ranked yet."
    if SO_FAR not in panels:
        words = (
            "One panel per γ, one curve per depth L: the sample with the lowest cost to the target "
            "over k and everything else that was varied. Grey: plain training."
        )
        if context.sweep.config.search.seeds > 1:
            words += " Of several seeds, the one in the middle is drawn."
    if len(panels) > MOST_PANELS:
        words += f" The first {MOST_PANELS} of {len(panels)} panels are shown."
    return Section(title[:1].upper() + title[1:], _body(context, chart, words))


def _body(context: Context, chart: Chart, words: str) -> str:
    if chart.empty:
        return note("No trial has a curve to show yet.")
    beside = (
        context.keep(f"{chart.stem}.png", partial(draw, chart)),
        context.keep(f"{chart.stem}.csv", partial(write_points, chart)),
    )
    return paragraph(words) + embed_chart(chart) + files(*beside)


def y_label(context: Context) -> str:
    """What the curves show: MSE, or the loss that the network has instead."""
    loss = context.sweep.config.trial({"L": 0}).loss
    return Y_LABEL if loss == "mse" else f"validation loss ({loss.replace('_', ' ')})"


def _strategies(context: Context) -> Section:
    title = "Prolongation strategies"
    best = best_of_each(context.sweep.records, strategy_of)
    if len(best) < 2:
        only = f"only one was used: {next(iter(best))}" if best else "no MsANN trial has ended"
        return Section(title, note(f"Nothing to compare: {only}."))
    chart = Chart(
        "strategies",
        f"{title}: {context.sweep.name}",
        X_LABELS["cost"],
        y_label(context),
        (_panel(context, "best trial of each strategy", best, "cost"),),
    )
    words = (
        "The best trial for each way to make P (the paper's Figure 7). Where the sweep varied "
        "other hyperparameters, too, they differ between these trials; hover over a curve to see "
        "them."
    )
    return Section(title[:1].upper() + title[1:], _body(context, chart, words))


def strategy_of(sample: Sample) -> str:
    """The prolongation in words, or that all levels were trained at once."""
    params = sample.results[0].params
    simultaneous = params.get("schedule") == "simultaneous"
    name = "simultaneous" if simultaneous else str(params.get("prolongation", "path"))
    return STRATEGY_NAMES.get(name, name)


def best_of_each(
    records: Iterable[TrialRecord], group: Callable[[Sample], str]
) -> dict[str, TrialRecord]:
    """Of the best MsANN sample of every group the trial in the middle; best groups first."""
    chosen: dict[str, TrialRecord] = {}
    for sample in sorted(_multilevel(records), key=rank_by_cost):
        chosen.setdefault(group(sample), middle(sample))
    return chosen


def middle(sample: Sample) -> TrialRecord:
    """The trial whose seed did neither best nor worst (of two, the better)."""
    ordered = sorted(sample.records, key=lambda record: rank_by_cost(Sample((record,))))
    return ordered[(len(ordered) - 1) // 2]


def panels_by_gamma(records: Iterable[TrialRecord]) -> dict[str, dict[str, TrialRecord]]:
    """For every γ a trial of the best sample of every L, both in order."""
    grouped: defaultdict[Any, list[TrialRecord]] = defaultdict(list)
    for sample in _multilevel(records):
        if "gamma" in sample.results[0].params:
            grouped[sample.results[0].params["gamma"]] += sample.records
    panels = {}
    for gamma in sorted(grouped):
        best = best_of_each(grouped[gamma], lambda sample: str(sample.results[0].params["L"]))
        panels[f"γ = {gamma}"] = {f"L = {L}": best[L] for L in sorted(best, key=int)}
    return panels


def _multilevel(records: Iterable[TrialRecord]) -> list[Sample]:
    return [sample for sample in samples_of(records) if sample.results[0].params.get("L", 0) > 0]


def _params(record: TrialRecord) -> dict[str, Any]:
    return record.result.params if record.result else record.assignment.params


def _running(context: Context) -> dict[str, TrialRecord]:
    return {record.id: record for record in context.sweep.records[:MOST_CURVES]}


def _baselines(context: Context) -> dict[str, TrialRecord]:
    compared = compare_samples(context.sweep.records)
    named = {
        "default": compared.default,
        "default, learning rate tuned": compared.tuned_default,
    }
    return {name: middle(sample) for name, sample in named.items() if sample}


def _panel(context: Context, title: str, chosen: Mapping[str, TrialRecord], axis: Axis) -> Panel:
    dashes = ("dot", "dash")
    plain = [
        series_of(context, name, record, axis, (NEUTRAL, dash))
        for (name, record), dash in zip(_baselines(context).items(), dashes, strict=False)
    ]
    curves = [
        series_of(context, name, record, axis, style(number))
        for number, (name, record) in enumerate(list(chosen.items())[:MOST_CURVES])
    ]
    return Panel(title, (*curves, *plain))


def series_of(
    context: Context, name: str, record: TrialRecord, axis: Axis, look: tuple[str, str]
) -> Series:
    """A trial's curve, each point with words."""
    rows: Sequence[Any] = context.sweep.curve(record.id)
    loss = Terms.of(context.sweep.config).loss
    about = f"<b>{name}</b>, trial {record.id}: {outcome(record)}<br>{parameters(_params(record))}"
    hover = tuple(
        f"{about}<br>{loss} {mse(row['val_mse'])} after cost {number(row['cost'])} "
        f"and {row['wall_s']:.2f} s"
        for row in rows
    )
    x, y = (tuple(float(row[key]) for row in rows) for key in (axis, "val_mse"))
    return Series(name, x, y, hover, *look)
