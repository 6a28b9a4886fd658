"""The table of trials, and when each ran on which worker."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go
from matplotlib.figure import Figure

from msann_sweep.report.chart import NEUTRAL, write_csv
from msann_sweep.report.chart_html import embed
from msann_sweep.report.page.section import Context, Section, files, note, paragraph, table
from msann_sweep.report.terms import Terms
from msann_sweep.report.wording import (
    cost_to_target,
    mse,
    number,
    outcome,
    parameters,
    seconds_to_target,
)
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.sample import Sample
from msann_sweep.sweep.summary import rank_by_cost

MOST_ROWS = 200
MOST_BARS = 600
MOST_WORKERS = 24
LANE_PX = 30
HEADER = ("trial", "hyperparameters", "outcome", "cost to target", "seconds to target")
KINDS = {
    "reached the target": "#009E73",
    "used up its budget": "#56B4E9",
    "stopped early": "#E69F00",
    "failed": "#D55E00",
    "running": NEUTRAL,
}


def trials_section(context: Context) -> Section:
    """Every trial, the best first; beyond a limit only in the CSV file."""
    records = sorted(context.sweep.records, key=_order)
    if not records:
        return Section("Trials", note("No trial has started yet."))
    kept = context.keep("trials.csv", lambda file: context.sweep.frame().to_csv(file))
    rows = [
        (
            record.id,
            parameters(record.result.params if record.result else record.assignment.params),
            outcome(record) + _why(record),
            cost_to_target(record),
            seconds_to_target(record),
            mse(record.result.final_mse if record.result else None),
        )
        for record in records[:MOST_ROWS]
    ]
    header = (*HEADER, f"final {Terms.of(context.sweep.config).loss}")
    left_out = len(records) - len(rows)
    words = "By cost to the target, the best first."
    if left_out:
        words += f" {left_out:,} further trials are left out here; `export` gives all."
    return Section("Trials", paragraph(words) + table(header, rows, (3, 4, 5)) + files(kept))


def _order(record: TrialRecord) -> tuple[int, float, float, float]:
    if record.result is None or record.result.status == "failed" or not record.result.best_mse:
        return (2 if record.result else 1, 0.0, 0.0, 0.0)
    return (0, *rank_by_cost(Sample((record,))))


def _why(record: TrialRecord) -> str:
    message = record.result.message if record.result else None
    return f" ({message})" if message else ""


@dataclass(frozen=True)
class Bar:
    """One trial's time on a worker, in seconds since the first began."""

    worker: str
    start_s: float
    length_s: float
    kind: str
    record: TrialRecord


def kind_of(record: TrialRecord) -> str:
    """The outcome as one of KINDS."""
    if record.result is None:
        return "running"
    if record.result.status == "failed":
        return "failed"
    if record.result.status == "stopped":
        return "stopped early"
    reached = record.result.cost_to_tenth is not None
    return "reached the target" if reached else "used up its budget"


def bars(records: Sequence[TrialRecord], now_s: float) -> list[Bar]:
    """The trials whose times are known, in the order of their starts; workers numbered."""
    timed = sorted((r for r in records if r.started_s), key=lambda r: r.started_s or 0.0)
    lanes: dict[str, str] = {}
    found = []
    for record in timed:
        started_s = record.started_s or 0.0
        worker = record.worker or ("running now" if record.result is None else "unknown")
        if record.worker and worker not in lanes:
            lanes[worker] = f"worker {len(lanes) + 1} ({worker})"
        length_s = max((record.ended_s or now_s) - started_s, 0.0)
        start_s = started_s - (timed[0].started_s or 0.0)
        found.append(Bar(lanes.get(worker, worker), start_s, length_s, kind_of(record), record))
    return found


def timeline_section(context: Context) -> Section:
    """When each trial ran, where, and why it ended."""
    title = "Timeline"
    known = bars(context.sweep.records, time.time())
    if not known:
        return Section(title, note("When the trials ran was not recorded."))
    header = ("trial", "worker", "start_s", "length_s", "outcome")
    rows = [(b.record.id, b.worker, b.start_s, b.length_s, outcome(b.record)) for b in known]
    busiest = {worker for worker, _ in Counter(b.worker for b in known).most_common(MOST_WORKERS)}
    shown = [b for b in known if b.worker in busiest][-MOST_BARS:]
    words = (
        "Each bar is a trial, on the worker process that trained it; its colour says how it ended."
    )
    if len(shown) < len(known):
        words += f" The last {len(shown):,} of {len(known):,} are shown."
    beside = (
        context.keep("timeline.png", lambda file: _draw(shown, file)),
        context.keep("timeline.csv", lambda file: write_csv(file, header, rows)),
    )
    body = paragraph(words) + embed(_figure(shown), "timeline", "Trials on workers over time")
    return Section(title, body + files(*beside))


def _lanes(shown: Sequence[Bar]) -> list[str]:
    return list(dict.fromkeys(b.worker for b in shown))[::-1]


def _short(worker: str) -> str:
    return worker.split(" (")[0]


def _figure(shown: Sequence[Bar]) -> go.Figure:
    figure = go.Figure()
    for kind, color in KINDS.items():
        chosen = [b for b in shown if b.kind == kind]
        if chosen:
            figure.add_bar(
                name=kind,
                orientation="h",
                y=[_short(b.worker) for b in chosen],
                base=[round(b.start_s, 2) for b in chosen],
                x=[round(b.length_s, 2) for b in chosen],
                marker={"color": color, "line": {"width": 1, "color": "rgba(128,128,128,0.8)"}},
                text=[_words(b) for b in chosen],
                textposition="none",
                hovertemplate="%{text}<extra></extra>",
            )
    lanes = [_short(lane) for lane in _lanes(shown)]
    figure.update_layout(
        barmode="overlay",
        height=LANE_PX * len(lanes) + 190,
        margin={"l": 84, "r": 12, "t": 12, "b": 140},
        legend={"orientation": "v", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
        hoverlabel={"align": "left"},
        showlegend=True,
    )
    figure.update_xaxes(title="seconds since the first trial began")
    figure.update_yaxes(categoryorder="array", categoryarray=lanes)
    return figure


def _words(b: Bar) -> str:
    params = b.record.result.params if b.record.result else b.record.assignment.params
    return (
        f"<b>{b.record.id}</b>: {outcome(b.record)}<br>{parameters(params)}<br>"
        f"{number(b.length_s, 3)} s on {b.worker}<br>cost to target {cost_to_target(b.record)}"
    )


def _draw(shown: Sequence[Bar], file: Path) -> None:
    lanes = _lanes(shown)
    figure = Figure(figsize=(10, 1.6 + 0.35 * len(lanes)), layout="constrained")
    axis = figure.subplots()
    for kind, color in KINDS.items():
        chosen = [b for b in shown if b.kind == kind]
        if chosen:
            axis.barh(
                [lanes.index(b.worker) for b in chosen],
                [b.length_s for b in chosen],
                left=[b.start_s for b in chosen],
                color=color,
                edgecolor="white",
                linewidth=0.6,
                label=kind,
            )
    axis.set_yticks(range(len(lanes)), [_short(lane) for lane in lanes])
    axis.set_xlabel("seconds since the first trial began")
    figure.legend(loc="outside upper center", ncols=len(KINDS), fontsize=8)
    figure.savefig(file, dpi=130)
