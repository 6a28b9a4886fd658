"""``compare``: several sweeps of one task side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msann_sweep.errors import ConfigError, InputError, Problem, StorageError
from msann_sweep.report.bootstrap import judge, measures
from msann_sweep.report.chart import Chart, Panel, style, write_csv, write_points
from msann_sweep.report.chart_html import embed_chart
from msann_sweep.report.chart_picture import draw
from msann_sweep.report.loaded import LoadedSweep
from msann_sweep.report.page.assemble import page, replace
from msann_sweep.report.page.curves import X_LABELS, Axis, middle, series_of, y_label
from msann_sweep.report.page.section import Context, Section, files, note, paragraph, table
from msann_sweep.report.tables import TextTable
from msann_sweep.report.terms import Terms
from msann_sweep.report.wording import parameters, sample_cost, sample_mse, sample_seconds
from msann_sweep.sweep.sample import Sample
from msann_sweep.sweep.summary import compare_samples

ROLES = {"best": "best MsANN", "tuned_default": "tuned default", "default": "default"}
# Where the data lie is no property of the task; what they are, their digest says.
PLACES = {"data_dir", "file"}


def check_comparable(sweeps: Sequence[LoadedSweep]) -> None:
    """Raise ConfigError, with all differences, unless the sweeps have one task and one target.

    Raises InputError for fewer than two sweeps, or for two of one name.
    """
    names = [sweep.name for sweep in sweeps]
    if len(names) < 2:
        raise InputError(f"compare: got {', '.join(names) or 'no sweep'}; allowed: two or more")
    if len(set(names)) < len(names):
        raise InputError(f"compare: got {', '.join(names)}; allowed: sweeps of different names")
    first, *others = sweeps
    problems = [
        Problem(f"{other.name}: {key}", repr(value), f"{known[key]!r}, as {first.name} has it")
        for known in (_task(first),)
        for other in others
        for key, value in _task(other).items()
        if value != known.get(key, value) or key not in known
    ]
    if problems:
        raise ConfigError(problems)


def _task(sweep: LoadedSweep) -> dict[str, Any]:
    task = sweep.config.task.model_dump(mode="json", exclude=PLACES)
    stopping = sweep.config.stopping
    return {
        "task.kind": task.pop("kind"),
        **{f"task.{key}": value for key, value in task.items()},
        "data digest": sweep.state.trained_on.get("digest"),
        "stopping.target": stopping.target,
        "stopping.accuracy": stopping.accuracy,
    }


def header(sweeps: Sequence[LoadedSweep]) -> tuple[str, ...]:
    """What the columns are called."""
    final = f"final {Terms.of(sweeps[0].config).loss}"
    return ("sweep", "cost to target", "seconds to target", final, "hyperparameters")


def compared_rows(sweeps: Sequence[LoadedSweep]) -> list[tuple[str, ...]]:
    """Cells under :func:`header`: best, tuned default and default of every sweep."""
    rows: list[tuple[str, ...]] = []
    for sweep in sweeps:
        compared = vars(compare_samples(sweep.records))
        for role, name in ROLES.items():
            sample: Sample | None = compared[role]
            if sample:
                shown = sample_cost(sample), sample_seconds(sample), sample_mse(sample)
                rows.append((f"{sweep.name}: {name}", *shown, parameters(sample.results[0].params)))
    return rows


def compared_table(sweeps: Sequence[LoadedSweep]) -> TextTable:
    """The rows for the terminal."""
    return TextTable("Sweeps compared", header(sweeps), compared_rows(sweeps), (0, 4))


def verdicts(sweeps: Sequence[LoadedSweep]) -> list[str]:
    """Of every sweep against the first: whether its best is better beyond the noise."""
    first, *others = sweeps
    ours = compare_samples(first.records).best
    sentences = []
    for other in others:
        theirs = compare_samples(other.records).best
        if not (ours and theirs):
            without = first.name if not ours else other.name
            sentences.append(f"{first.name} against {other.name}: no MsANN result in {without}.")
            continue
        sentences += [
            judge(ours, theirs, measure).words(what, first.name, other.name)
            for what, measure in measures(Terms.of(first.config).loss).items()
        ]
    return sentences


def write_comparison(sweeps: Sequence[LoadedSweep], folder: Path) -> Path:
    """Write ``index.html`` with tables and overlaid curves, PNG and CSV files beside it.

    Raises StorageError when the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        rows = compared_rows(sweeps)
        write_csv(folder / "comparison.csv", header(sweeps), rows)
        judged = "".join(map(note, verdicts(sweeps)))
        shown = judged + table(header(sweeps), rows, (1, 2, 3)) + files("comparison.csv")
        sections = [
            Section("Best and default", shown),
            _curves(sweeps, folder, "cost"),
            _curves(sweeps, folder, "wall_s"),
        ]
        names = ", ".join(sweep.name for sweep in sweeps)
        trained_on = sweeps[0].state.trained_on.get("description", "")
        content = page(f"Sweeps {names}", f"trained on {trained_on}", "", sections, False)
        return replace(folder / "index.html", content)
    except OSError as error:
        raise StorageError(f"--to: cannot write to {folder}: {error.strerror}") from None


def _curves(sweeps: Sequence[LoadedSweep], folder: Path, axis: Axis) -> Section:
    loss = Terms.of(sweeps[0].config).loss
    title = f"{loss} against {'cost' if axis == 'cost' else 'seconds'}"
    title = title[:1].upper() + title[1:]
    found = []
    for number, sweep in enumerate(sweeps):
        compared = compare_samples(sweep.records)
        color, _ = style(number)
        for sample, name, dash in (
            (compared.best, "best MsANN", "solid"),
            (compared.plain, "plain training", "dot"),
        ):
            if sample:
                context, record = Context(sweep), middle(sample)
                found.append(
                    series_of(context, f"{sweep.name}: {name}", record, axis, (color, dash))
                )
    chart = Chart(
        "curves-cost" if axis == "cost" else "curves-seconds",
        title,
        X_LABELS[axis],
        y_label(Context(sweeps[0])),
        (Panel("best of every sweep", tuple(found)),),
    )
    if chart.empty:
        return Section(title, note("No sweep has a curve to show yet."))
    beside = [f"{chart.stem}.png", f"{chart.stem}.csv"]
    draw(chart, folder / beside[0])
    write_points(chart, folder / beside[1])
    words = "Solid: the best MsANN sample (the seed in the middle). Dotted: plain training."
    return Section(title, paragraph(words) + embed_chart(chart) + files(*beside))
