"""The tables and sentences that compare trials, on results made by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from rich.console import Console

from msann_sweep.config import load_search_space
from msann_sweep.report.comparison import comparison_rows, comparison_table, verdict
from msann_sweep.report.live import LiveView, PlainView, share_of_target
from msann_sweep.report.terms import Terms
from msann_sweep.report.wording import cost_to_target, number, outcome, parameters
from msann_sweep.sweep.record import SweepDirectory, TrialRecord
from msann_sweep.training import Row
from tests.sweep.test_objective_and_summary import record

REACHED = {"stop_reason": "target", "wall_to_tenth_s": 2.0}
RACED = {"status": "stopped", "stop_reason": "race", "cost": 7974.0, "best_mse": 0.2}


def sweep_of(**best: float) -> list[TrialRecord]:
    return [
        record("default", 0, role="default", cost_to_tenth=80_000.0, **REACHED),
        record("tuned-1", 0, role="tuned", cost_to_tenth=16_000.0, **REACHED),
        record("t0000", 3, **(REACHED | {"cost_to_tenth": 2_000.0, "params": {"L": 3}} | best)),
        record("t0001", 2, **RACED),
    ]


def test_the_rows_are_those_of_the_papers_tables() -> None:
    final, cost, seconds, trial = comparison_rows(sweep_of(final_mse=0.02), Terms())
    assert final == ("Final MSE", "2.000e-02", "5.000e-01", "5.000e-01", "5.000e-01", "L=3")
    assert cost == ("Cost to 1/10 MSE", "2,000", "> 7,974, stopped", "80,000", "16,000", "L=3")
    assert seconds[1:3] == ("2.00", "> 1.00")
    assert trial[1:5] == ("t0000", "t0001", "default", "tuned-1")


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_is_legible_at_any_width(width: int) -> None:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115 - rich keeps it
    console.print(comparison_table(sweep_of(), Terms()))
    text = console.export_text()
    assert "…" not in text
    for part in ("7,974", "80,000", "16,000"):
        assert part in text
    console.file.close()


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ([], "Not enough trials have ended for a comparison."),
        ([record("t0000", 1, status="failed")], "Not enough trials have ended for a comparison."),
        (sweep_of(), "Against the tuned default the best MsANN trial needs 8 times less cost and"),
        (sweep_of(cost_to_tenth=32_000.0), "needs 2 times more cost and as much time"),
        ([sweep_of()[1], sweep_of()[3]], "No MsANN trial reached the target."),
        (
            [record("default", 0, role="default"), sweep_of()[2]],
            "MsANN reached the target, the default did not within its budget.",
        ),
    ],
)
def test_the_verdict_is_said_of_measured_values_only(
    records: list[TrialRecord], sentence: str
) -> None:
    assert sentence in verdict(records, Terms())


def test_a_sweep_without_results_has_a_table_that_says_so() -> None:
    for row in comparison_rows([record("t0000", 2, status="failed")], Terms()):
        assert set(row[1:5]) == {"N/A"}


@pytest.mark.parametrize(
    ("sections", "terms"),
    [
        ("task: {kind: mnist}", Terms("MSE", "1/10 MSE")),
        ("network: {loss: binary_cross_entropy}", Terms("loss", "1/10 loss")),
        ("stopping: {target: 0.2}", Terms("MSE", "0.2 of initial MSE")),
        ("task: {kind: mnist_labels}", Terms("loss", "1/10 loss")),
        (
            "task: {kind: mnist_labels}\nstopping: {accuracy: 0.95}",
            Terms("loss", "95.0% right", is_share=False),
        ),
    ],
)
def test_loss_and_target_are_called_what_they_are(
    tmp_path: Path, sections: str, terms: Terms
) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(sections)
    assert Terms.of(load_search_space(file)) == terms
    rows = comparison_rows(sweep_of(), terms)
    assert [row[0] for row in rows[:2]] == [f"Final {terms.loss}", f"Cost to {terms.target}"]
    assert ("share of its own initial" in verdict(sweep_of(), terms)) == terms.is_share


def test_wording() -> None:
    raced = record("t0001", 2, **RACED)
    assert cost_to_target(raced) == "> 7,974, stopped"
    assert outcome(raced) == "stopped: could no longer win"
    assert parameters({"L": 2, "gamma": 1, "prolongation": "grid", "batch_size": 32}) == (
        "L=2 γ=1 grid"
    )
    assert (number(None), number(12345.6), number(0.00528123)) == ("N/A", "12,346", "0.005281")


def test_share_of_target() -> None:
    assert share_of_target(1.0, 1.0, 0.1) == 0.0
    assert share_of_target(1.0, math.sqrt(0.1), 0.1) == pytest.approx(0.5)
    assert share_of_target(1.0, 0.01, 0.1) == 1.0
    assert share_of_target(1.0, 2.0, 0.1) == 0.0


@pytest.mark.parametrize("view_type", [LiveView, PlainView])
def test_a_view_shows_a_trial_from_start_to_end(
    tmp_path: Path, view_type: type[LiveView | PlainView]
) -> None:
    file = tmp_path / "space.yaml"
    file.write_text("name: small\ntask: {kind: one_object, n: 6}\nnetwork: {layers: [64, 64]}")
    config = load_search_space(file, [f"storage={tmp_path}"])
    console = Console(width=140, record=True, file=(tmp_path / "out").open("w"))
    view = view_type(console)
    view.opened(config, SweepDirectory.create(config), planned=2)
    ended = sweep_of()[2]
    view.trial_started(TrialRecord(ended.assignment))
    row = Row(val_mse=0.5, cost=7.0, wall_s=0.1, level=1, steps_per_level=[1, 1])
    view.trial_advanced(TrialRecord(ended.assignment), [row])
    view.trial_started(ended)
    view.trial_ended(ended)
    assert view.headline().startswith("1/2 trials, best MsANN 2,000 (t0000)")
    view.closed()
    text = console.export_text()
    console.file.close()
    assert "sweep small" in text
    assert "reached the target" in text
    assert "1/2 trials, best MsANN 2,000 (t0000)" in text
