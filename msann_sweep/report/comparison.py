"""Best, worst, default and tuned default in the form of the paper's Tables 1 to 3."""

from __future__ import annotations

import statistics
from collections.abc import Collection

from msann_sweep.report.tables import TextTable
from msann_sweep.report.terms import Terms
from msann_sweep.report.wording import (
    mse,
    number,
    parameters,
    sample_cost,
    sample_mse,
    sample_seconds,
)
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.sample import (
    Difference,
    Sample,
    difference_in_cost,
    difference_in_seconds,
)
from msann_sweep.sweep.summary import (
    SampleComparison,
    compare,
    compare_samples,
    pareto_front,
    rank_by_final_mse,
)

COLUMNS = ("", "Best MsANN", "Worst MsANN", "Default", "Tuned default", "Best MsANN params")


def comparison_rows(records: Collection[TrialRecord], terms: Terms) -> list[tuple[str, ...]]:
    """The table's rows as text; the first two are the paper's, each with its own best and worst.

    With several seeds the numbers are means over them with their standard errors.
    """
    by_cost = compare_samples(records)
    by_mse = compare_samples(records, rank_by_final_mse)
    trials = vars(compare(records)).values()
    return [
        (f"Final {terms.loss}", *map(sample_mse, _columns(by_mse)), _params(by_mse.best)),
        (f"Cost to {terms.target}", *map(sample_cost, _columns(by_cost)), _params(by_cost.best)),
        (f"Seconds to {terms.target}", *map(sample_seconds, _columns(by_cost)), ""),
        ("Trial", *(r.id if r else "N/A" for r in trials), ""),
    ]


def comparison_table(records: Collection[TrialRecord], terms: Terms) -> TextTable:
    """The rows for the terminal."""
    rows = comparison_rows(records, terms)
    return TextTable("Best, worst and default", COLUMNS, rows, (0, len(COLUMNS) - 1))


def verdict(records: Collection[TrialRecord], terms: Terms) -> str:
    """Whether MsANN won, in a few sentences, said only of measured values."""
    compared = compare_samples(records)
    best, plain = compared.best, compared.plain
    if not (best and plain):
        return "Not enough trials have ended for a comparison."
    name = "tuned default" if compared.tuned_default else "default"
    if best.n_missing:
        several = len(best.records) > 1
        return f"No MsANN {'sample' if several else 'trial'} reached the target" + (
            " with every seed." if several else "."
        )
    if plain.n_missing == len(plain.records):
        return f"MsANN reached the target, the {name} did not within its budget."
    cost, seconds = difference_in_cost(best, plain), difference_in_seconds(best, plain)
    assert cost.ratio is not None
    assert seconds.ratio is not None
    bound = " at least" if cost.at_least else ""
    return (
        f"Against the {name} the best MsANN trial needs{bound} {_times(cost.ratio, 'cost')} and "
        f"{_times(seconds.ratio, 'time')}; {_noise(cost, seconds)}." + _shares(best, plain, terms)
    )


def _shares(best: Sample, plain: Sample, terms: Terms) -> str:
    """What the target is a share of, where it is one."""
    if not terms.is_share:
        return ""
    return (
        f" Each trial's target is a share of its own initial {terms.loss} "
        f"({_initial_mse(best)} and {_initial_mse(plain)})."
    )


def _noise(cost: Difference, seconds: Difference) -> str:
    """Whether the differences exceed what other seeds would change."""
    if cost.unknown:
        return cost.unknown
    told = [
        f"{name} {'exceeds' if found.exceeds_noise else 'does not exceed'} it ({_interval(found)})"
        for name, found in (("the difference in cost", cost), ("that in time", seconds))
    ]
    return f"as to the noise between seeds (95 % intervals of the ratios), {', '.join(told)}"


def _interval(found: Difference) -> str:
    assert found.low is not None
    assert found.high is not None
    return f"{number(found.low, 3)} to {number(found.high, 3)}"


def _initial_mse(sample: Sample) -> str:
    return mse(statistics.fmean(r.initial_mse for r in sample.results if r.initial_mse))


def _times(ratio: float, what: str) -> str:
    if 0.995 < ratio < 1.005:
        return f"as much {what}"
    if ratio >= 1:
        return f"{number(ratio, 3)} times less {what}"
    return f"{number(1 / ratio, 3)} times more {what}"


def pareto_table(records: Collection[TrialRecord], terms: Terms) -> TextTable:
    """The samples that none beats in both cost to the target and final loss."""
    final = f"final {terms.loss}"
    header = ("sample", "cost to target", final, "seconds to target", "hyperparameters")
    rows = [
        (s.name, sample_cost(s), sample_mse(s), sample_seconds(s), _params(s))
        for s in pareto_front(records)
    ]
    return TextTable(f"Pareto front: cost to target against {final}", header, rows, (0, 4))


def _columns(compared: SampleComparison) -> tuple[Sample | None, ...]:
    return compared.best, compared.worst, compared.default, compared.tuned_default


def _params(sample: Sample | None) -> str:
    return parameters(sample.results[0].params) if sample else "N/A"
