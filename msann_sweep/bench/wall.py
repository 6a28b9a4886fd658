"""Seconds, not only cost: plain PyTorch tuned against MsANN tuned, side by side in one run.

For each measure, seconds to a tenth and to plain training's lowest MSE, the trial that each side's
tuning has found is trained again under seeds that tuning has not seen; those runs are reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import mean, stdev
from typing import Any

import torch

from msann_sweep.bench.flops import plain_flops_per_step
from msann_sweep.bench.wall_tuning import (
    FINAL,
    TENTH,
    TRIALS_PER_SIDE,
    TUNING_SEEDS,
    Params,
    Side,
    choose,
    lowest,
    opponents,
    reach,
)
from msann_sweep.config import MnistTask, OneObjectTask, SweepConfig, TrialConfig, TwoObjectTask
from msann_sweep.config.schema import Stopping, Training
from msann_sweep.training import Row, threads
from msann_sweep.training.newton_schulz import cpu_multiplies_bf16
from msann_sweep.training.operations import operations_at, operations_per_step
from msann_sweep.training.result import Crossing

BATCH_SIZE = 32
WallTask = OneObjectTask | TwoObjectTask | MnistTask


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
        sides = opponents(config)
        for number in range(1, TRIALS_PER_SIDE + 1):
            for side in sides:
                side.try_next()
            say(f"tuning {number}/{TRIALS_PER_SIDE}")
        # The stricter of the two initial errors: the plain network's, not the hierarchy's.
        tenth_mse = 0.1 * sides[0].curves[0][0]["val_mse"]
        chosen = choose(sides, tenth_mse)
        runs = []
        for number in range(1, seeds + 1):
            seed = max(TUNING_SEEDS) + number
            pairs = zip(sides, chosen, strict=True)
            trained = [_train(side, best, seed) for side, best in pairs]
            runs.append(_compare(config, chosen, trained))
            say(f"seed {number}/{seeds}")
    return _summary(config, sides, chosen, runs, tenth_mse)


def _train(side: Side, chosen: Mapping[str, Params], seed: int) -> dict[str, list[Row]]:
    tenth = side.train(chosen[TENTH], seed)
    same = chosen[FINAL] == chosen[TENTH]
    return {TENTH: tenth, FINAL: tenth if same else side.train(chosen[FINAL], seed)}


def _compare(
    config: SweepConfig,
    chosen: Sequence[dict[str, Params]],
    trained: Sequence[dict[str, list[Row]]],
) -> list[dict[str, float | None]]:
    """One seed's figures of both sides; ``*_spent`` are to a tenth, or all where it is missed."""
    plain, _ = trained
    tenth_mse = 0.1 * plain[TENTH][0]["val_mse"]
    default_final_mse = lowest(plain[FINAL])
    figures: list[dict[str, float | None]] = []
    for params, curves, multilevel in zip(chosen, trained, (False, True), strict=True):
        tenth, final = reach(curves[TENTH], tenth_mse), reach(curves[FINAL], default_final_mse)
        last = curves[TENTH][-1]
        spent = tenth or Crossing(cost=last["cost"], wall_s=last["wall_s"])
        flops = _flops(config, params[TENTH], curves[TENTH], spent.cost, multilevel)
        figures.append(
            {
                "cost_to_tenth": spent.cost if tenth else None,
                "wall_to_tenth_s": spent.wall_s if tenth else None,
                "flops_to_tenth": flops if tenth else None,
                "cost_spent": spent.cost,
                "wall_spent_s": spent.wall_s,
                "flops_spent": flops,
                "final_mse": lowest(curves[FINAL]),
                "wall_to_default_final_s": final.wall_s if final else None,
            }
        )
    return figures


def _flops(
    config: SweepConfig, params: Params, curve: Sequence[Row], cost: float, multilevel: bool
) -> float:
    """Floating-point operations of the matrix products of the training steps up to that cost."""
    trial: TrialConfig = config.trial(params if multilevel else {"L": 0, **params})
    each = (
        operations_per_step(trial, bf16_cpu=cpu_multiplies_bf16())
        if multilevel
        else [plain_flops_per_step(trial)]
    )
    return operations_at(curve, each, cost)


def _summary(
    config: SweepConfig,
    tuned: Sequence[Side],
    chosen: Sequence[dict[str, Params]],
    runs: Sequence[Sequence[dict[str, float | None]]],
    tenth_mse: float,
) -> dict[str, Any]:
    sides: dict[str, dict[str, Any]] = {}
    for place, name in enumerate(("default", "msann")):
        measured = {key: [run[place][key] for run in runs] for key in runs[0][0]}
        sides[name] = {
            "params": dict(chosen[place][TENTH]),
            "params_final": dict(chosen[place][FINAL]),
            **{key: _mean(values) for key, values in measured.items()},
            **{f"{key}_sd": _spread(values) for key, values in measured.items()},
            "tried": tuned[place].tried(tenth_mse),
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
        "budget_s": tuned[0].budget_s,
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
