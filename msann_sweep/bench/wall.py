"""Seconds, not only cost: plain PyTorch tuned against MsANN tuned, side by side in one run.

Both sides get the same number of tuning trials (seed 0) of the same seconds each, taking turns. A
tuning trial ends at a third of its seconds when its MSE is then more than three times its side's
best at that point. For each measure, seconds to a tenth and to plain training's lowest MSE, the
side's best trial is trained again under fresh seeds, and those runs are what is reported.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, stdev
from typing import Any

import torch

from msann_sweep.bench.flops import plain_flops_per_step
from msann_sweep.bench.plain import PLAIN_OPTIMIZERS, plain_rows
from msann_sweep.config import MnistTask, OneObjectTask, SweepConfig, TrialConfig, TwoObjectTask
from msann_sweep.config.schema import Stopping, Training
from msann_sweep.training import Row, Trainer, load_task_data, threads
from msann_sweep.training.newton_schulz import cpu_multiplies_bf16
from msann_sweep.training.operations import operations_per_step
from msann_sweep.training.result import Crossing, find_crossing
from msann_sweep.training.task import open_feed

BATCH_SIZE = 32
TRIALS_PER_SIDE = 18
MUON_RATES = [0.4 / 2**i for i in range(6)]
TENTH, FINAL = "tenth", "final"
# A trial that just gets to the default's lowest MSE under one seed may miss it under others.
MARGIN = 0.8
Params = Mapping[str, Any]
WallTask = OneObjectTask | TwoObjectTask | MnistTask


@dataclass
class Side:
    """One of the two opponents: how it trains, its tuning trials, and what came of them."""

    candidates: Sequence[Params]
    rows: Callable[[Params, int], Iterator[Row]]
    curves: list[list[Row]] = field(default_factory=list)
    best_at_third: float = float("inf")


def wall_task(kind: str, n: int) -> tuple[WallTask, float]:
    """The task that ``bench wall`` measures, and the seconds that a trial gets by default.

    MNIST has no ``n``. Large networks are validated on fewer images, lest that take most of it.
    """
    if kind == "mnist":
        return MnistTask(), 4.0
    objects = {"one_object": OneObjectTask, "two_object": TwoObjectTask}
    return objects[kind](n=n, validation=2000 if n < 12 else 500), 2.5 ** (n - 9)


def measure_wall(
    task: WallTask,
    budget_s: float,
    seeds: int = 3,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """What ``bench wall --json`` prints; every ratio is the default's over MsANN's.

    Raises DataError when MNIST is not to be had.
    """
    config = SweepConfig(
        name="wall",
        task=task,
        training=Training(
            batch_size=BATCH_SIZE, budget_s=budget_s, budget_cost=1e12, evaluations_per_decade=10
        ),
        stopping=Stopping(on_target="continue"),
    )
    say = progress or (lambda line: None)  # noqa: ARG005 - nobody listens
    with threads(1):
        sides = _sides(config)
        for number in range(TRIALS_PER_SIDE):
            for side in sides:
                side.curves.append(_tune(side, number, budget_s))
            say(f"tuning {number + 1}/{TRIALS_PER_SIDE}")
        # The stricter of the two initial errors: the plain network's, not the hierarchy's.
        tenth_mse = 0.1 * sides[0].curves[0][0]["val_mse"]
        chosen = _choose(sides, tenth_mse)
        runs = []
        for seed in range(1, seeds + 1):
            pairs = zip(sides, chosen, strict=True)
            trained = [_train(side, best, seed, budget_s) for side, best in pairs]
            runs.append(_compare(config, chosen, trained))
            say(f"seed {seed}/{seeds}")
    return _summary(config, chosen, runs, budget_s)


def _sides(config: SweepConfig) -> tuple[Side, Side]:
    data = load_task_data(config.task)
    natural = open_feed(config.task, data, None, "cpu")
    layers = config.network.layers

    def plain_trial(params: Params, seed: int) -> Iterator[Row]:
        return plain_rows(
            natural,
            layers,
            params["optimizer"],
            params["learning_rate"],
            batch_size=BATCH_SIZE,
            evaluations_per_decade=config.training.evaluations_per_decade,
            seed=seed,
        )

    def msann_trial(params: Params, seed: int) -> Iterator[Row]:
        return Trainer(config.trial(params, seed), data=data).rows()

    rates = _rates(layers[0])
    plain = [
        {"optimizer": name, "learning_rate": rate}
        for name in PLAIN_OPTIMIZERS
        for rate in (MUON_RATES if name == "muon" else rates)
    ]
    return Side(plain, plain_trial), Side(msann_candidates(config), msann_trial)


def _rates(n_pixels: int) -> list[float]:
    """Six rates, each half of the one before; larger networks want smaller ones."""
    largest = 1.6e-2 if n_pixels <= 2048 else 4e-3
    return [largest / 2**i for i in range(6)]


def msann_candidates(config: SweepConfig) -> list[Params]:
    """As many trials as plain training gets, over depth, cascade, optimiser and rate."""
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
        *(("rmsprop", rate, 2.0, 200) for rate in rates[2:5]),
        ("rmsprop", rates[2], 2.0, "auto"),
        ("adam", rates[3], 2.0, 200),
        ("muon", 0.1, 1.0, 100),
        *(("muon", rate, 1.0, "auto") for rate in (0.1, 0.05, 0.025)),
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


def _tune(side: Side, number: int, budget_s: float) -> list[Row]:
    curve: list[Row] = []
    judged = False
    for row in side.rows(side.candidates[number], 0):
        curve.append(row)
        if not judged and row["wall_s"] >= budget_s / 3:
            judged = True
            side.best_at_third = min(side.best_at_third, row["val_mse"])
            if row["val_mse"] > 3 * side.best_at_third:
                break
        if row["wall_s"] >= budget_s:
            break
    return curve


def _reach(curve: Sequence[Row], mse: float) -> Crossing | None:
    # The quotient is rounded, and a curve does reach its own lowest value.
    return find_crossing(curve, mse * (1 + 1e-12) / curve[0]["val_mse"])


def _choose(sides: tuple[Side, Side], tenth_mse: float) -> list[dict[str, Params]]:
    """Each side's fastest to a tenth; plain training's lowest, and MsANN's fastest to below it.

    Where no trial of MsANN's gets so far below it, its lowest.
    """

    def fastest(side: Side, mse: float) -> Params:
        def seconds(number: int) -> tuple[float, float]:
            curve = side.curves[number]
            crossing = _reach(curve, mse)
            return (crossing.wall_s if crossing else float("inf"), _lowest(curve))

        return side.candidates[min(range(len(side.curves)), key=seconds)]

    plain = sides[0]
    final_mse = min(map(_lowest, plain.curves))
    goals = final_mse, MARGIN * final_mse
    return [
        {TENTH: fastest(side, tenth_mse), FINAL: fastest(side, goal)}
        for side, goal in zip(sides, goals, strict=True)
    ]


def _lowest(curve: Sequence[Row]) -> float:
    return min(row["val_mse"] for row in curve)


def _train(
    side: Side, chosen: dict[str, Params], seed: int, budget_s: float
) -> dict[str, list[Row]]:
    curves: dict[str, list[Row]] = {}
    for measure, params in chosen.items():
        if measure == FINAL and params == chosen[TENTH]:
            curves[FINAL] = curves[TENTH]
            continue
        curves[measure] = []
        for row in side.rows(params, seed):
            curves[measure].append(row)
            if row["wall_s"] >= budget_s:
                break
    return curves


def _compare(
    config: SweepConfig,
    chosen: Sequence[dict[str, Params]],
    trained: Sequence[dict[str, list[Row]]],
) -> list[dict[str, float | None]]:
    """One seed's figures of both sides; ``*_spent`` are to a tenth, or all where it is missed."""
    plain, _ = trained
    tenth_mse = 0.1 * plain[TENTH][0]["val_mse"]
    default_final_mse = _lowest(plain[FINAL])
    figures: list[dict[str, float | None]] = []
    for params, curves, multilevel in zip(chosen, trained, (False, True), strict=True):
        tenth, final = _reach(curves[TENTH], tenth_mse), _reach(curves[FINAL], default_final_mse)
        last = curves[TENTH][-1]
        spent = tenth or Crossing(cost=last["cost"], wall_s=last["wall_s"])
        flops = _flops(config, params[TENTH], curves[TENTH], spent, multilevel)
        figures.append(
            {
                "cost_to_tenth": spent.cost if tenth else None,
                "wall_to_tenth_s": spent.wall_s if tenth else None,
                "flops_to_tenth": flops if tenth else None,
                "cost_spent": spent.cost,
                "wall_spent_s": spent.wall_s,
                "flops_spent": flops,
                "final_mse": _lowest(curves[FINAL]),
                "wall_to_default_final_s": final.wall_s if final else None,
            }
        )
    return figures


def _flops(
    config: SweepConfig, params: Params, curve: Sequence[Row], spent: Crossing, multilevel: bool
) -> float:
    """Floating-point operations of the matrix products up to the evaluation after that."""
    trial: TrialConfig = config.trial(params if multilevel else {"L": 0, **params})
    each = (
        operations_per_step(trial, bf16_cpu=cpu_multiplies_bf16())
        if multilevel
        else [plain_flops_per_step(trial)]
    )
    row = next(row for row in curve if row["wall_s"] >= spent.wall_s)
    return float(sum(n * f for n, f in zip(row["steps_per_level"], each, strict=True)))


def _summary(
    config: SweepConfig,
    chosen: Sequence[dict[str, Params]],
    runs: Sequence[Sequence[dict[str, float | None]]],
    budget_s: float,
) -> dict[str, Any]:
    sides = {}
    for place, name in enumerate(("default", "msann")):
        measured = {key: [run[place][key] for run in runs] for key in runs[0][0]}
        sides[name] = {
            "params": dict(chosen[place][TENTH]),
            "params_final": dict(chosen[place][FINAL]),
            **{key: _mean(values) for key, values in measured.items()},
            **{f"{key}_sd": _spread(values) for key, values in measured.items()},
        }
    return {
        "task": config.task.kind,
        "n": getattr(config.task, "n", None),
        **sides,
        "cost_ratio": _ratio(sides, "cost_to_tenth"),
        "wall_ratio": _ratio(sides, "wall_to_tenth_s"),
        "flops_ratio": _ratio(sides, "flops_to_tenth"),
        "wall_to_default_final_ratio": _ratio(sides, "wall_to_default_final_s"),
        "cost_ratio_at_least": _at_least(sides, "cost_to_tenth", "cost_spent"),
        "wall_ratio_at_least": _at_least(sides, "wall_to_tenth_s", "wall_spent_s"),
        "flops_ratio_at_least": _at_least(sides, "flops_to_tenth", "flops_spent"),
        "trials_per_side": TRIALS_PER_SIDE,
        "budget_s": budget_s,
        "seeds": len(runs),
        "batch_size": BATCH_SIZE,
        "threads": 1,
        "torch": torch.__version__,
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if len(known) == len(values) else None


def _spread(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return stdev(known) if len(known) == len(values) > 1 else None


def _ratio(sides: Mapping[str, Mapping[str, Any]], key: str) -> float | None:
    """The default's mean over MsANN's; None where either did not arrive under every seed."""
    default, msann = sides["default"][key], sides["msann"][key]
    return default / msann if default and msann else None


def _at_least(sides: Mapping[str, Mapping[str, Any]], key: str, spent: str) -> float | None:
    """A lower bound of the ratio where MsANN alone arrived under every seed; None elsewhere."""
    default, msann = sides["default"], sides["msann"]
    return default[spent] / msann[key] if default[key] is None and msann[key] else None
