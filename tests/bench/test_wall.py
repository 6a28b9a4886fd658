"""The comparison with plain PyTorch: what it counts, what it chooses, what it prints."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner

from msann_sweep.bench.flops import plain_flops_per_step
from msann_sweep.bench.plain import PLAIN_OPTIMIZERS, plain_rows
from msann_sweep.bench.wall_tuning import (
    TRIALS_PER_SIDE,
    Params,
    Side,
    choose,
    msann_candidates,
    opponents,
    plain_candidates,
)
from msann_sweep.cli import cli
from msann_sweep.config import MnistTask, OneObjectTask, SweepConfig
from msann_sweep.config.schema import Stopping, Training
from msann_sweep.data import ObjectFeed
from msann_sweep.report.wall import HEADINGS, ratio, wall_rows
from msann_sweep.report.wall_figure import draw_wall
from msann_sweep.training import Row
from msann_sweep.training.operations import operations_per_step

LAYERS = (256, 64, 32, 64, 256)


def dense_flops(sizes: tuple[int, ...], batch: int) -> int:
    """Two operations per weight and example forward, four backward, but no delta of the input."""
    products = [n_in * n_out for n_in, n_out in itertools.pairwise(sizes)]
    return 2 * batch * (3 * sum(products) - products[0])


def test_flops_are_those_counted_by_hand() -> None:
    sweep = SweepConfig(name="x", task=OneObjectTask(n=8))
    params = {"L": 2, "coarse_step": "galerkin", "optimizer": "rmsprop", "batch_size": 32}
    sizes = [tuple(size >> level for size in LAYERS) for level in range(3)]
    counted = operations_per_step(sweep.trial(params), bf16_cpu=False)
    assert counted == [dense_flops(each, 32) for each in sizes]
    plain = sweep.trial({"L": 0, "optimizer": "rmsprop", "batch_size": 32})
    assert plain_flops_per_step(plain) == dense_flops(LAYERS, 32)


@pytest.mark.parametrize("optimizer", PLAIN_OPTIMIZERS)
def test_plain_training_learns_and_is_reproducible(optimizer: str) -> None:
    feed = ObjectFeed(64, 1, 0.05, validation_seed=0)
    rate = 0.1 if optimizer == "muon" else 0.01
    curves = [
        list(
            islice(
                plain_rows(
                    feed,
                    (64, 16, 64),
                    optimizer,
                    rate,
                    batch_size=16,
                    evaluations_per_decade=10,
                    budget_s=60.0,
                    seed=3,
                ),
                25,
            )
        )
        for _ in range(2)
    ]
    first, second = ([(row["cost"], row["val_mse"]) for row in curve] for curve in curves)
    assert first == second
    assert first[0][0] == 0
    assert first[-1][1] < 0.3 * first[0][1]
    assert all(b[0] > a[0] for a, b in itertools.pairwise(first))


@pytest.mark.parametrize("task", [OneObjectTask(n=8), OneObjectTask(n=13), MnistTask()])
def test_both_sides_try_equally_much(task: OneObjectTask | MnistTask) -> None:
    sweep = SweepConfig(name="x", task=task)
    candidates = msann_candidates(sweep)
    assert len(candidates) == TRIALS_PER_SIDE
    assert len({sweep.trial(params) for params in candidates}) == TRIALS_PER_SIDE
    for sides in (candidates, plain_candidates(sweep)):
        counts = Counter(params["optimizer"] for params in sides)
        assert counts == dict.fromkeys(PLAIN_OPTIMIZERS, TRIALS_PER_SIDE // 3)


def test_both_sides_train_for_the_same_seconds() -> None:
    training = Training(budget_s=0.2, budget_cost=1e12, batch_size=16, evaluations_per_decade=10)
    stopping = Stopping(on_target="continue")
    sweep = SweepConfig(name="x", task=OneObjectTask(n=8), training=training, stopping=stopping)
    for side in opponents(sweep):
        rows = side.train(side.candidates[0], 0)
        assert rows[-2]["wall_s"] < 0.2 <= rows[-1]["wall_s"] < 2.0


def curve(*points: tuple[float, float]) -> list[Row]:
    """Rows at (seconds, MSE)."""
    return [
        Row(val_mse=mse, cost=wall_s, wall_s=wall_s, level=0, steps_per_level=[0])
        for wall_s, mse in points
    ]


def side(*runs: tuple[list[Row], list[Row]]) -> Side:
    """One that trains as given under the first seed and the second; each rate names its runs."""
    candidates = [{"learning_rate": number} for number in range(len(runs))]

    def rows(params: Params, seed: int) -> Iterator[Row]:
        yield from runs[params["learning_rate"]][seed]

    made = Side(candidates, rows, 10.0)
    for _ in candidates:
        made.try_next()
    return made


def test_who_is_compared() -> None:
    """The best of both seeds: what one seed favours, or what the other lets fail, is not chosen."""
    start = (0.0, 1.0)
    lucky = curve(start, (0.1, 0.01), (8.0, 0.009)), curve(start, (6.0, 0.01))
    steady = curve(start, (0.2, 0.05), (9.0, 0.02)), curve(start, (0.3, 0.05), (9.0, 0.03))
    low = curve(start, (2.0, 0.5), (9.0, 0.015)), curve(start, (2.0, 0.5), (9.0, 0.01))
    never = curve(start, (3.0, 0.9)), curve(start, (3.0, 0.9))
    fails = curve(start, (0.05, 0.005)), curve(start, (9.0, 0.2))
    plain, msann = side(steady, low, never), side(lucky, steady, fails, never)
    assert choose((plain, msann), 0.1) == [
        {"tenth": {"learning_rate": 0}, "final": {"learning_rate": 1}},
        {"tenth": {"learning_rate": 1}, "final": {"learning_rate": 0}},
    ]


def test_a_fourth_is_no_finalist() -> None:
    first = [curve((0.0, 1.0), (1.0 + place, 0.05)) for place in range(4)]
    fast, slow = curve((0.0, 1.0), (0.5, 0.05)), curve((0.0, 1.0), (9.0, 0.05))
    plain = side((first[0], fast))
    msann = side(*((one, slow) for one in first[:3]), (first[3], fast))
    assert choose((plain, msann), 0.1)[1]["tenth"] == {"learning_rate": 0}


def test_a_trial_far_behind_ends_at_a_third() -> None:
    good = curve((0.0, 1.0), (4.0, 0.1), (8.0, 0.05))
    bad = curve((0.0, 1.0), (2.0, 0.9), (4.0, 0.8), (8.0, 0.01))
    assert [row["wall_s"] for row in side((good, good), (bad, bad)).curves[1]] == [0.0, 2.0, 4.0]


@pytest.mark.slow
def test_bench_wall_prints_the_contract() -> None:
    arguments = ["bench", "wall", "--n", "8", "--seeds", "2", "--budget-s", "0.8", "--json"]
    answer = CliRunner().invoke(cli, arguments)
    assert answer.exit_code == 0, answer.output
    measured = json.loads(answer.stdout.splitlines()[-1])
    assert measured["n"] == 8
    for side in ("default", "msann"):
        assert measured[side]["cost_to_tenth"] > 0
        assert measured[side]["flops_to_tenth"] > 0
        assert 0 < measured[side]["wall_to_tenth_s"] < 1.6
    default, msann = measured["default"], measured["msann"]
    assert measured["cost_ratio"] == default["cost_to_tenth"] / msann["cost_to_tenth"]
    assert measured["wall_ratio"] == default["wall_to_tenth_s"] / msann["wall_to_tenth_s"]
    assert measured["wall_ratio_at_least"] is None
    assert default["wall_spent_s"] == default["wall_to_tenth_s"]
    assert "wall_to_default_final_ratio" in measured
    rows = wall_rows([measured])
    assert [len(row) for row in rows] == 3 * [len(HEADINGS)]


@pytest.mark.parametrize(
    ("exact", "bound", "words"),
    [(12.34, None, "12.3×"), (None, 12.34, "> 12.3×"), (None, None, None)],
)
def test_a_ratio_whose_default_misses_the_goal_has_a_lower_bound(
    exact: float | None, bound: float | None, words: str | None
) -> None:
    assert ratio({"wall_ratio": exact, "wall_ratio_at_least": bound}, "wall_ratio") == words


def test_the_figure_is_drawn_from_the_committed_results(tmp_path: Path) -> None:
    results = Path(__file__).parents[2] / "benchmarks/results"
    measured = [json.loads(file.read_text()) for file in sorted(results.glob("wall-*.json"))]
    assert measured
    draw_wall(measured, tmp_path / "images/wall.png")
    assert (tmp_path / "images/wall.png").read_bytes().startswith(b"\x89PNG")
