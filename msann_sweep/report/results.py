"""``results``: every trial of a sweep, and the comparison."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from rich.console import Console

from msann_sweep.report.comparison import comparison_table, pareto_table, verdict
from msann_sweep.report.tables import TextTable
from msann_sweep.report.terms import Terms
from msann_sweep.report.wording import (
    cost_to_target,
    mse,
    number,
    outcome,
    parameters,
    sample_cost,
    sample_mse,
    sample_seconds,
    seconds_to_target,
)
from msann_sweep.sweep.record import SweepDirectory, TrialRecord
from msann_sweep.sweep.sample import difference_in_cost, difference_in_seconds, samples_of
from msann_sweep.sweep.summary import compare, compare_samples, pareto_front


def results_json(directory: SweepDirectory) -> dict[str, Any]:
    """All trials, and the ids of the compared ones (null where there is none)."""
    records = directory.trials()
    compared = vars(compare(records.values()))
    return {
        "sweep": directory.read_state().name,
        "trials": [record.to_json() for record in records.values()],
        **{role: record.id if record else None for role, record in compared.items()},
        **samples_json(records.values()),
    }


def samples_json(records: Collection[TrialRecord]) -> dict[str, Any]:
    """Statistics over seeds: every sample, and how the best differs from plain training."""
    compared = compare_samples(records)
    cost = seconds = None
    if compared.best and compared.plain:
        cost = asdict(difference_in_cost(compared.best, compared.plain))
        seconds = asdict(difference_in_seconds(compared.best, compared.plain))
    return {
        "samples": [sample.to_json() for sample in samples_of(records)],
        "best_against_default": cost,
        "best_against_default_in_seconds": seconds,
        "pareto_front": [sample.name for sample in pareto_front(records)],
    }


def print_results(console: Console, directory: SweepDirectory) -> None:
    """The table of trials, then the comparison."""
    terms = Terms.of(directory.config())
    header = ("trial", "hyperparameters", "outcome", "cost to target", "seconds to target")
    rows = [
        (
            record.id,
            parameters(record.result.params if record.result else record.assignment.params),
            outcome(record),
            cost_to_target(record),
            seconds_to_target(record),
            mse(record.result.final_mse if record.result else None),
            number(record.result.cost if record.result else None),
        )
        for record in directory.trials().values()
    ]
    title = f"Trials of {directory.read_state().name}"
    console.print(TextTable(title, (*header, f"final {terms.loss}", "cost"), rows, (0, 1, 2)))
    if directory.config().search.seeds > 1:
        console.print(samples_table(directory.trials().values(), terms))
    print_comparison(console, directory)


def samples_table(records: Collection[TrialRecord], terms: Terms) -> TextTable:
    """Every sample: means over its seeds ± standard error of the mean."""
    header = ("sample", "hyperparameters", "reached", "cost to target", "seconds to target")
    rows = [
        (
            sample.name,
            parameters(sample.results[0].params),
            f"{len(sample.records) - sample.n_missing} of {len(sample.records)}",
            sample_cost(sample),
            sample_seconds(sample),
            sample_mse(sample),
        )
        for sample in samples_of(records)
    ]
    title = "Samples: means over seeds ± standard error"
    return TextTable(title, (*header, f"final {terms.loss}"), rows, (0, 1))


def print_comparison(console: Console, directory: SweepDirectory) -> None:
    """The comparison, its verdict and what it was trained on."""
    records = list(directory.trials().values())
    state = directory.read_state()
    config = directory.config()
    terms = Terms.of(config)
    console.print(comparison_table(records, terms))
    if len(config.search.objectives) > 1:
        console.print(pareto_table(records, terms))
    console.print(verdict(records, terms), highlight=False, markup=False)
    console.print(f"Trained on {state.trained_on['description']}.", highlight=False, markup=False)
    if state.message:
        console.print(f"Note: {state.message}", highlight=False, markup=False)
