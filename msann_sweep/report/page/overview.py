"""What a person wants to see first: how far the sweep is, and whether MsANN wins."""

from __future__ import annotations

import html
from collections import Counter

from msann_sweep.report.chart import write_csv
from msann_sweep.report.comparison import COLUMNS, comparison_rows, verdict
from msann_sweep.report.page.section import Context, Section, files, note, paragraph, table
from msann_sweep.report.terms import Terms
from msann_sweep.report.wording import number, outcome, sample_cost
from msann_sweep.sweep.sample import Estimate, Sample, difference_in_cost, difference_in_seconds
from msann_sweep.sweep.summary import SampleComparison
from msann_sweep.training.operations import operations_per_step, operations_to_target


def state_notes(context: Context) -> str:
    """Boxes that say what is unusual about this sweep: running, cut off, failed, empty."""
    sweep = context.sweep
    boxes = []
    ended, planned = len(sweep.ended), sweep.state.planned_trials
    if sweep.running:
        running = len(sweep.records) - ended
        boxes.append(
            note(
                f"The sweep is running: {ended:,} of {planned:,} trials have ended, {running} run "
                "now. This page is rewritten as it goes on and reloads itself."
            )
        )
    elif sweep.state.status in ("running", "interrupted"):
        boxes.append(
            note(
                f"The sweep was cut off after {ended:,} of {planned:,} trials; "
                f"`msann-sweep resume {sweep.name}` goes on with it.",
                "bad",
            )
        )
    failed = [record for record in sweep.ended if record.status == "failed"]
    if failed:
        reasons = Counter(outcome(record) for record in failed)
        listing = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
        every = "Every trial failed" if len(failed) == len(sweep.ended) else "Some trials failed"
        boxes.append(note(f"{every}: {listing}. The table of trials says why.", "bad"))
    if not sweep.ended:
        boxes.append(note("No trial has ended yet: there is nothing to compare."))
    elif len(sweep.ended) == 1:
        boxes.append(note("Only one trial has ended: there is nothing to compare it with yet."))
    if sweep.state.message:
        boxes.append(note(sweep.state.message))
    return "".join(boxes)


def tiles(context: Context) -> str:
    """The four figures to take away."""
    sweep, compared = context.sweep, context.samples
    name = "tuned default" if compared.tuned_default else "default"
    shown = [
        (f"{len(sweep.ended):,} of {sweep.state.planned_trials:,}", "trials have ended"),
        (_tile(compared.best), f"best MsANN: cost to {Terms.of(context.sweep.config).target}"),
        (_tile(compared.plain), f"{name}: cost to {Terms.of(context.sweep.config).target}"),
        (_ratios(compared), f"{name} / MsANN, in cost and in seconds"),
    ]
    cells = "".join(
        f"<div><strong>{html.escape(value)}</strong><span>{html.escape(words)}</span></div>"
        for value, words in shown
    )
    return f'<div class="tiles">{cells}</div>'


def _tile(sample: Sample | None) -> str:
    return sample_cost(sample) if sample else "none yet"


def _ratios(compared: SampleComparison) -> str:
    best, plain = compared.best, compared.plain
    if not best or not plain or best.n_missing or plain.n_missing:
        return "not known"
    cost, seconds = difference_in_cost(best, plain).ratio, difference_in_seconds(best, plain).ratio
    return f"{number(cost, 3)}×, {number(seconds, 3)}×"


def comparison_section(context: Context) -> Section:
    """Best, worst, default and tuned default as in the paper's Tables 1 to 3."""
    sweep = context.sweep
    terms = Terms.of(sweep.config)
    rows = comparison_rows(sweep.records, terms)
    operations = [_operations(context, sample) for sample in vars(context.samples).values()]
    row = (f"GFLOP to {terms.target}", *operations, "")
    rows = [*rows[:3], row, *rows[3:]]
    kept = context.keep("comparison.csv", lambda file: write_csv(file, COLUMNS, rows))
    words = [verdict(sweep.records, terms)]
    if sweep.config.search.seeds > 1:
        words.append(f"Means over {sweep.config.search.seeds} seeds ± their standard error.")
    if any(operation != "N/A" for operation in operations):
        words.append("GFLOP are the operations of the matrix products, in thousand millions.")
    body = paragraph(" ".join(words)) + table(COLUMNS, rows, (1, 2, 3, 4))
    return Section("Best, worst and default", body + files(kept))


def _operations(context: Context, sample: Sample | None) -> str:
    if sample is None or sample.n_missing:
        return "N/A"
    trial = context.trial(sample.records[0])
    bf16_cpu = context.sweep.state.environment.get("bf16_cpu", False)
    per_step = operations_per_step(trial, bf16_cpu=bf16_cpu)
    found = [
        operations_to_target(context.sweep.curve(record.id), per_step, trial.target, trial.accuracy)
        for record in sample.records
    ]
    known = [operations / 1e9 for operations in found if operations is not None]
    if len(known) < len(found):
        return "N/A"
    estimate = Estimate.of(known)
    error = "" if estimate.error is None else f" ± {number(estimate.error, 2)}"
    return f"{number(estimate.mean, 3)}{error}"
