"""Best, worst, default and tuned default in the form of the paper's Tables 1 to 3."""

from __future__ import annotations

from collections.abc import Collection

from rich.table import Table

from msann_sweep.report.wording import (
    cost_to_target,
    mse,
    number,
    parameters,
    seconds_to_target,
)
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.summary import Comparison, compare, rank_by_final_mse

COLUMNS = ("", "Best MsANN", "Worst MsANN", "Default", "Tuned default", "Best MsANN params")


def comparison_rows(records: Collection[TrialRecord], target: float) -> list[tuple[str, ...]]:
    """The table's rows as text; the first two are the paper's, each with its own best and worst."""
    by_cost = compare(records)
    by_mse = compare(records, rank_by_final_mse)
    goal = f"{target:g} of initial MSE" if target != 0.1 else "1/10 MSE"
    final = (mse(r.result.final_mse) if r and r.result else "N/A" for r in _columns(by_mse))
    return [
        ("Final MSE", *final, _params(by_mse.best)),
        (f"Cost to {goal}", *map(cost_to_target, _columns(by_cost)), _params(by_cost.best)),
        (f"Seconds to {goal}", *map(seconds_to_target, _columns(by_cost)), ""),
        ("Trial", *(r.id if r else "N/A" for r in _columns(by_cost)), ""),
    ]


def comparison_table(records: Collection[TrialRecord], target: float) -> Table:
    """The rows as a rich table."""
    table = Table(title="Best, worst and default", title_justify="left")
    for column in COLUMNS:
        words = column in ("", COLUMNS[-1])
        table.add_column(column, justify="left" if words else "right", overflow="fold")
    for row in comparison_rows(records, target):
        table.add_row(*row)
    return table


def verdict(records: Collection[TrialRecord]) -> str:
    """Whether MsANN won, in one or two sentences, said only of measured values."""
    compared = compare(records)
    best, plain = compared.best, compared.tuned_default or compared.default
    if not (best and best.result and plain and plain.result):
        return "Not enough trials have ended for a comparison."
    name = "tuned default" if compared.tuned_default else "default"
    ours, theirs = best.result, plain.result
    if ours.cost_to_tenth is None:
        return "No MsANN trial reached the target."
    if theirs.cost_to_tenth is None:
        return f"MsANN reached the target, the {name} did not within its budget."
    assert ours.wall_to_tenth_s is not None
    assert theirs.wall_to_tenth_s is not None
    cost_ratio = theirs.cost_to_tenth / ours.cost_to_tenth
    wall_ratio = theirs.wall_to_tenth_s / max(ours.wall_to_tenth_s, 1e-9)
    return (
        f"Against the {name} the best MsANN trial needs {_times(cost_ratio, 'cost')} and "
        f"{_times(wall_ratio, 'time')}. Each trial's target is a share of its own initial MSE "
        f"({mse(ours.initial_mse)} and {mse(theirs.initial_mse)})."
    )


def _times(ratio: float, what: str) -> str:
    if 0.995 < ratio < 1.005:
        return f"as much {what}"
    if ratio >= 1:
        return f"{number(ratio, 3)} times less {what}"
    return f"{number(1 / ratio, 3)} times more {what}"


def _columns(compared: Comparison) -> tuple[TrialRecord | None, ...]:
    return compared.best, compared.worst, compared.default, compared.tuned_default


def _params(record: TrialRecord | None) -> str:
    return parameters(record.result.params) if record and record.result else "N/A"
