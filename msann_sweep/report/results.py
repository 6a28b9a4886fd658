"""``results``: every trial of a sweep, and the comparison."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from msann_sweep.report.comparison import comparison_table, verdict
from msann_sweep.report.wording import (
    cost_to_target,
    mse,
    number,
    outcome,
    parameters,
    seconds_to_target,
)
from msann_sweep.sweep.record import SweepDirectory
from msann_sweep.sweep.summary import compare


def results_json(directory: SweepDirectory) -> dict[str, Any]:
    """All trials, and the ids of the compared ones (null where there is none)."""
    records = directory.trials()
    compared = vars(compare(records.values()))
    return {
        "sweep": directory.read_state().name,
        "trials": [record.to_json() for record in records.values()],
        **{role: record.id if record else None for role, record in compared.items()},
    }


def print_results(console: Console, directory: SweepDirectory) -> None:
    """The table of trials, then the comparison."""
    table = Table(title=f"Trials of {directory.read_state().name}", title_justify="left")
    for column in ("trial", "hyperparameters", "outcome"):
        table.add_column(column)
    for column in ("cost to target", "seconds to target", "final MSE", "cost"):
        table.add_column(column, justify="right")
    for record in directory.trials().values():
        result = record.result
        table.add_row(
            record.id,
            parameters(result.params if result else record.assignment.params),
            outcome(record),
            cost_to_target(record),
            seconds_to_target(record),
            mse(result.final_mse if result else None),
            number(result.cost if result else None),
        )
    console.print(table)
    print_comparison(console, directory)


def print_comparison(console: Console, directory: SweepDirectory) -> None:
    """The comparison, its verdict and what it was trained on."""
    records = list(directory.trials().values())
    state = directory.read_state()
    console.print(comparison_table(records, directory.config().stopping.target))
    console.print(verdict(records), highlight=False)
    console.print(f"Trained on {state.trained_on['description']}.", highlight=False)
    if state.message:
        console.print(f"Note: {state.message}", highlight=False)
