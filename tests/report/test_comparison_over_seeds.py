"""What tables and sentences say of samples with several seeds."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from msann_sweep.report.comparison import comparison_rows, pareto_table, verdict
from msann_sweep.report.results import samples_table
from msann_sweep.report.tables import TextTable
from msann_sweep.report.terms import Terms
from tests.sweep.test_sample import seeds


def text(table: TextTable) -> str:
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(table)
    return console.export_text()


@pytest.mark.parametrize(
    ("ours", "theirs", "sentence"),
    [
        (
            [100.0, 110.0],
            [1000.0, 900.0],
            "the difference in cost exceeds it (6.64 to 12.3), that in time",
        ),
        ([100.0, 900.0], [500.0, 1000.0], "the difference in cost does not exceed it"),
        ([100.0], [1000.0], "with one seed the noise is unknown"),
        ([100.0, None], [1000.0, 900.0], "No MsANN sample reached the target with every seed."),
        ([100.0, 110.0], [None, None], "the default did not within its budget"),
        ([100.0, 110.0], [900.0, None], "needs at least 9.05 times less cost"),
    ],
)
def test_the_verdict_says_whether_the_noise_is_exceeded(
    ours: list[float | None], theirs: list[float | None], sentence: str
) -> None:
    records = [*seeds("t0000", ours), *seeds("default", theirs, L=0, role="default")]
    assert sentence in verdict(records, Terms())


def test_means_stand_with_their_errors_and_bounds_without() -> None:
    default = seeds("default", [900.0, None], L=0, role="default")
    records = [*seeds("t0000", [100.0, 110.0]), *default]
    cost = comparison_rows(records, Terms())[1]
    assert (cost[1], cost[3]) == ("105 ± 5", "> 950")
    shown = text(samples_table(records, Terms()))
    assert "105 ± 5" in shown
    assert "1 of 2" in shown


def test_the_pareto_front_is_listed() -> None:
    records = [
        *seeds("t0000", [100.0, 110.0], final_mse=0.2),
        *seeds("t0001", [300.0, 310.0], final_mse=0.1),
        *seeds("t0002", [200.0, 210.0], final_mse=0.3),
    ]
    shown = text(pareto_table(records, Terms()))
    assert "t0000" in shown
    assert "t0001" in shown
    assert "t0002" not in shown
