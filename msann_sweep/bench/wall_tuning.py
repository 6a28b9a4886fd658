"""How both sides of ``bench wall`` are tuned: as many trials each, of the same seconds.

They take turns. A trial ends at a third of its seconds when its MSE is then more than three times
its side's best at that point. One seed may favour a trial: so, for each measure, each side's three
best are trained again under a second seed, and the one whose worse run is best is chosen.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msann_sweep.bench.plain import PLAIN_OPTIMIZERS, plain_rows
from msann_sweep.config import MnistTask, SweepConfig
from msann_sweep.training import Row, Trainer, load_task_data
from msann_sweep.training.result import Crossing, find_crossing
from msann_sweep.training.task import open_feed

TRIALS_PER_SIDE = 18
FINALISTS = 3
FIRST_SEED, SECOND_SEED = TUNING_SEEDS = 0, 1
MUON_RATES = [0.4 / 2**i for i in range(6)]
TENTH, FINAL = "tenth", "final"
Params = Mapping[str, Any]
Score = Callable[[Sequence[Row]], tuple[float, ...]]


@dataclass
class Side:
    """One of the two opponents: what it tries, how it trains, and its curves of the first seed.

    ``rows`` trains with given hyperparameters and seed for ``budget_s`` seconds.
    """

    candidates: Sequence[Params]
    rows: Callable[[Params, int], Iterator[Row]]
    budget_s: float
    curves: list[list[Row]] = field(default_factory=list)
    best_at_third: float = math.inf

    def try_next(self) -> None:
        """Train the next candidate under the first seed."""
        curve: list[Row] = []
        judged = False
        for row in self.rows(self.candidates[len(self.curves)], FIRST_SEED):
            curve.append(row)
            if not judged and row["wall_s"] >= self.budget_s / 3:
                judged = True
                self.best_at_third = min(self.best_at_third, row["val_mse"])
                if row["val_mse"] > 3 * self.best_at_third:
                    break
        self.curves.append(curve)

    def train(self, params: Params, seed: int, until_mse: float = 0.0) -> list[Row]:
        """The curve of a trial that ends when its seconds are over, or that MSE is reached."""
        curve: list[Row] = []
        for row in self.rows(params, seed):
            curve.append(row)
            if row["val_mse"] <= until_mse:
                break
        return curve

    def tried(self, tenth_mse: float) -> list[dict[str, Any]]:
        """Every candidate's seconds to a tenth (None where it missed it) and lowest MSE."""
        crossings = [reach(curve, tenth_mse) for curve in self.curves]
        return [
            {
                "params": dict(params),
                "wall_to_tenth_s": crossing.wall_s if crossing else None,
                "lowest_mse": lowest(curve),
            }
            for params, curve, crossing in zip(self.candidates, self.curves, crossings, strict=True)
        ]


def opponents(config: SweepConfig) -> tuple[Side, Side]:
    """Plain training and MsANN on the sweep's task. Raises DataError when its data is missing."""
    budget_s = config.training.budget_s or math.inf
    data = load_task_data(config.task)
    natural = open_feed(config.task, data, None, "cpu")
    layers = config.network.layers

    def plain_trial(params: Params, seed: int) -> Iterator[Row]:
        return plain_rows(
            natural,
            layers,
            params["optimizer"],
            params["learning_rate"],
            batch_size=config.training.batch_size,
            evaluations_per_decade=config.training.evaluations_per_decade,
            budget_s=budget_s,
            seed=seed,
        )

    def msann_trial(params: Params, seed: int) -> Iterator[Row]:
        return Trainer(config.trial(params, seed), data=data).rows()

    return (
        Side(plain_candidates(config), plain_trial, budget_s),
        Side(msann_candidates(config), msann_trial, budget_s),
    )


def plain_candidates(config: SweepConfig) -> list[Params]:
    """Six rates of each of torch's optimisers."""
    rates = _rates(config.network.layers[0])
    return [
        {"optimizer": name, "learning_rate": rate}
        for name in PLAIN_OPTIMIZERS
        for rate in (MUON_RATES if name == "muon" else rates)
    ]


def _rates(n_pixels: int) -> list[float]:
    """Six rates, each half of the one before; larger networks want smaller ones."""
    largest = 1.6e-2 if n_pixels <= 2048 else 4e-3
    return [largest / 2**i for i in range(6)]


def msann_candidates(config: SweepConfig) -> list[Params]:
    """As many trials as plain training gets: two depths, three trials of each optimiser."""
    n_pixels = config.network.layers[0]
    exponent = n_pixels.bit_length() - 1
    mnist = isinstance(config.task, MnistTask)
    depths = (2, 3) if mnist else (exponent - 7, exponent - 5)
    common = {
        "gamma": 1,
        "k": 8,
        "prolongation": "grid" if mnist else "path",
        "coarse_step": "galerkin",
    }
    rates = _rates(n_pixels)
    tuned: list[tuple[str, float, float, int | str]] = [
        *((name, rate, 2.0, 200) for name in ("rmsprop", "adam") for rate in rates[2:5]),
        ("muon", 0.1, 1.0, 100),
        *(("muon", rate, 1.0, "auto") for rate in (0.1, 0.05)),
    ]
    return [
        {
            **common,
            "L": L,
            "optimizer": optimizer,
            "learning_rate": rate,
            "level_lr_growth": growth,
            "cascade": cascade,
        }
        for (optimizer, rate, growth, cascade), L in itertools.product(tuned, depths)
    ]


def choose(sides: tuple[Side, Side], tenth_mse: float) -> list[dict[str, Params]]:
    """Each side's fastest to ``tenth_mse``, plain training's lowest, and MsANN's fastest to it."""
    plain, msann = sides
    lowest_of_plain, curves = _best_under_both(plain, lambda curve: (lowest(curve),))
    final_mse = min(map(lowest, curves))

    def fastest(side: Side, mse: float) -> Params:
        params, _ = _best_under_both(side, _seconds_to(mse), mse)
        return params

    return [
        {TENTH: fastest(plain, tenth_mse), FINAL: lowest_of_plain},
        {TENTH: fastest(msann, tenth_mse), FINAL: fastest(msann, final_mse)},
    ]


def _best_under_both(
    side: Side, score: Score, until_mse: float = 0.0
) -> tuple[Params, list[Sequence[Row]]]:
    """The finalist whose worse run has the lowest score, and its runs under both seeds."""
    tried = sorted(zip(side.candidates, side.curves, strict=True), key=lambda one: score(one[1]))
    finalists: list[tuple[Params, list[Sequence[Row]]]] = [
        (params, [curve, side.train(params, SECOND_SEED, until_mse)])
        for params, curve in tried[:FINALISTS]
    ]
    return min(finalists, key=lambda finalist: max(map(score, finalist[1])))


def _seconds_to(mse: float) -> Score:
    """Seconds to that MSE; among those that do not reach it, the lowest MSE decides."""

    def score(curve: Sequence[Row]) -> tuple[float, float]:
        crossing = reach(curve, mse)
        return (crossing.wall_s if crossing else math.inf, lowest(curve))

    return score


def reach(curve: Sequence[Row], mse: float) -> Crossing | None:
    """Where a curve falls to that MSE."""
    # The quotient is rounded, and a curve does reach its own lowest value.
    return find_crossing(curve, mse * (1 + 1e-12) / curve[0]["val_mse"])


def lowest(curve: Sequence[Row]) -> float:
    """The lowest MSE of a curve."""
    return min(row["val_mse"] for row in curve)
