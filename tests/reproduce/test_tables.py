"""The paper's figures beside ours, on results made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from msann_sweep.reproduce.strategies import strategy_lines
from msann_sweep.reproduce.tables import TABLES, Line, table_lines
from msann_sweep.reproduce.wording import line_cells
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.training import Row
from tests.sweep.test_objective_and_summary import record


def trial(name: str, at: tuple[int, int, int] | None, tenth: float | None, **more: Any) -> Any:
    """A trial at γ, L and k, or plain training, that reached 1/10 at ``tenth``, or did not."""
    params: dict[str, Any] = {"L": 0}
    if at is not None:
        gamma, L, k = at
        params = {"L": L, "gamma": gamma, "k": k, "prolongation": more.pop("P", "path")}
    reached = {"cost_to_tenth": tenth, "wall_to_tenth_s": 1.0, "stop_reason": "target"}
    made = record(name, params["L"], role=more.pop("role", "sample"), **(reached if tenth else {}))
    assignment = made.assignment.__class__(**{**vars(made.assignment), "params": params})
    result = made.result.__class__(**{**vars(made.result), **more})  # type: ignore[union-attr]  # ended
    return TrialRecord(assignment, result)


def lines_of(name: str, records: list[Any], budget: Any = "small") -> dict[tuple[str, str], Line]:
    lines = table_lines(TABLES[name], records, budget)
    return {(line.part.split(", ")[-1], line.column): line for line in lines}


def test_a_table_has_best_worst_and_default_and_their_ratios() -> None:
    lines = lines_of(
        "table1",
        [
            trial("default", None, 126_600, role="default"),
            trial("a", (3, 6, 4), 14_684),
            trial("b", (2, 6, 4), 3_671),
            trial("c", (1, 1, 4), 164_000),
        ],
    )
    best, same = lines["one object", "best"], lines["one object", "at the paper's best, 3, 6, 4"]
    assert (best.paper, best.ours, best.ratio, best.ours_at) == (7_342, 3_671, 0.5, "2, 6, 4")
    assert (same.ours, same.ratio) == (14_684, 2.0)
    assert lines["one object", "worst"].ratio == 1.0
    assert lines["one object", "default"].ratio == 1.0
    assert lines["one object", "default / best"].ratio == pytest.approx(2.0)


def test_a_trial_that_did_not_arrive_is_a_bound_and_has_no_ratio() -> None:
    lines = lines_of(
        "table1",
        [
            trial("default", None, None, role="default", cost=256_000.0),
            trial("a", (3, 6, 4), 8_000),
            trial("b", (1, 1, 4), None, cost=256_000.0),
        ],
    )
    worst = lines["one object", "worst"]
    assert (worst.ours, worst.beyond, worst.ratio) == (256_000, True, None)
    assert line_cells(worst)[4:6] == ("> 256,000", "-")
    assert line_cells(lines["one object", "default / best"])[4] == "> 32.0"


def test_the_halves_of_table_3_are_of_one_map_each_and_share_the_default() -> None:
    lines = lines_of(
        "table3",
        [
            trial("default", None, None, role="default", cost=256_000.0),
            trial("a", (3, 5, 32), 72_070),
            trial("b", (3, 6, 128), 101_900, P="grid"),
        ],
    )
    assert lines["path", "best"].ratio == 1.0
    assert lines["grid", "best"].ratio == 2.0
    assert lines["path", "default"].ours == lines["grid", "default"].ours == 256_000
    assert line_cells(lines["path", "default"])[3] == "N/A"


def test_final_errors_are_compared_at_the_whole_budget_only() -> None:
    records = [
        trial("default", None, 120_000, role="default", final_mse=7.308e-3),
        trial("a", (3, 6, 4), 8_000, final_mse=2e-3),
        trial("b", (3, 5, 4), 9_000, final_mse=1e-3),
    ]
    measures = {line.measure for line in table_lines(TABLES["table1"], records, "small")}
    assert measures == {"cost to 1/10 MSE"}
    whole = table_lines(TABLES["table1"], records, "paper")
    best, worst, default = (line for line in whole if line.measure == "final MSE")
    assert (best.ours, best.ours_at, best.paper_at) == (1e-3, "3, 5, 4", "3, 5, 4")
    assert worst.ours == 2e-3
    assert default.ratio == pytest.approx(2.0)


def test_without_trials_nothing_is_claimed() -> None:
    lines = table_lines(TABLES["table3"], [], "paper")
    assert all(line.ours is None and line.ratio is None for line in lines)


def curve(*points: tuple[float, float]) -> list[Row]:
    return [
        Row(val_mse=mse, cost=cost, wall_s=0.0, level=0, steps_per_level=[0])
        for cost, mse in points
    ]


def test_strategies_are_ranked_and_measured_against_default() -> None:
    curves = {
        "grid": curve((0, 0.4), (50, 0.1), (100, 0.05)),
        "random": curve((0, 0.4), (100, 0.2)),
        "default": curve((0, 0.4), (50, 0.2), (100, 0.1)),
    }
    grid, default, random = strategy_lines(curves)
    assert (grid.strategy, grid.cost_to_default, grid.gain) == ("grid", 50, 2.0)
    assert (default.strategy, default.gain) == ("default", 1.0)
    assert (random.strategy, random.cost_to_default, random.gain) == ("random", None, None)
