"""Tables of text: what a terminal of any width may and may not do to them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from msann_sweep.report.tables import TextTable

HEADER = ("sample", "cost to target", "final MSE", "hyperparameters")
ROWS = [
    ("t0001", "12,345 ± 678.9", "1.234e-02 ± 5.6e-04", "L=3 γ=2 k=8 grid lr=0.00255 galerkin"),
    ("t0002", "> 7,974, stopped", "2.000e-02", "L=0 lr=0.01"),
    ("[bold]", "1 ± 20", "N/A", "[/nothing] [red]"),
]
WHOLE = [cell for row in ROWS for cell in row[:3]]


def text(width: int) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(TextTable("Samples [1]", HEADER, ROWS, (0, 3)))
    return console.export_text()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_number_is_broken_and_no_text_is_markup(width: int) -> None:
    shown = text(width)
    assert max(map(len, shown.splitlines())) <= width
    for cell in (*WHOLE, "Samples [1]", "[bold]", "[/nothing]", "[red]"):
        assert cell in shown


def test_plus_and_minus_stand_below_each_other() -> None:
    with_error = [line for line in text(200).splitlines() if "±" in line]
    assert len(with_error) == 2
    assert len({line.index("±") for line in with_error}) == 1


def test_a_table_without_rows() -> None:
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(TextTable("Nothing", HEADER, [], (0, 3)))
    assert "Nothing" in console.export_text()
