"""How numbers and trials are put into words, the same everywhere."""

from __future__ import annotations

from typing import Any

from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.sample import Sample

SHORT_NAMES = {
    "gamma": "γ",
    "prolongation": "",
    "coarse_step": "",
    "learning_rate": "lr",
    "level_lr_growth": "growth",
    "batch_size": "batch",
    "optimizer": "",
    "coarse_init": "init",
}
CONSTANT_DETAILS = ("batch_size", "optimizer", "coarse_init")


def number(value: float | None, digits: int = 4) -> str:
    """A number with thousands separators or few significant digits; "N/A" for None."""
    if value is None:
        return "N/A"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"


def mse(value: float | None) -> str:
    """A mean squared error as in the paper's tables, 1.547e-02."""
    return "N/A" if value is None else f"{value:.3e}"


def parameters(params: dict[str, Any]) -> str:
    """A sample's hyperparameters in one line, without those that a sweep rarely varies."""
    parts = []
    for name, value in params.items():
        if name in CONSTANT_DETAILS or (name, value) == ("schedule", "cycle"):
            continue
        short = SHORT_NAMES.get(name, name)
        shown = number(value, 3) if isinstance(value, float) else str(value)
        parts.append(f"{short}={shown}" if short else shown)
    return " ".join(parts)


def cost_to_target(record: TrialRecord | None) -> str:
    """Cost to the target, or what is known of it: "> 12,300, stopped" for a raced trial."""
    result = record.result if record else None
    if result is None:
        return "N/A"
    if result.cost_to_tenth is not None:
        return number(result.cost_to_tenth)
    how = {
        "race": ", stopped",
        "pruned": ", pruned",
        "sweep_budget": ", stopped",
        "budget_s": ", out of time",
    }.get(result.stop_reason, "")
    return f"> {number(result.cost)}{how}"


def seconds_to_target(record: TrialRecord | None) -> str:
    """Seconds of training to the target, or a lower bound of them."""
    result = record.result if record else None
    if result is None:
        return "N/A"
    if result.wall_to_tenth_s is not None:
        return f"{result.wall_to_tenth_s:.2f}"
    return f"> {result.wall_s:.2f}"


def sample_cost(sample: Sample | None) -> str:
    """Cost to the target of a sample: a trial's, or the mean over its seeds ± standard error."""
    if sample is None or len(sample.records) == 1:
        return cost_to_target(sample.records[0] if sample else None)
    return sample.cost_to_tenth.shown(number)


def sample_seconds(sample: Sample | None) -> str:
    """Seconds of training to the target, as :func:`sample_cost`."""
    if sample is None or len(sample.records) == 1:
        return seconds_to_target(sample.records[0] if sample else None)
    return sample.wall_to_tenth_s.shown("{:.2f}".format)


def sample_mse(sample: Sample | None) -> str:
    """Final MSE, as :func:`sample_cost`."""
    return sample.final_mse.shown(mse) if sample else "N/A"


OUTCOMES = {
    "target": "reached the target",
    "budget_cost": "used up its cost budget",
    "budget_s": "used up its time budget",
    "race": "stopped: could no longer win",
    "pruned": "pruned: behind the others at its cost",
    "sweep_budget": "stopped: the sweep's budget was used up",
    "non_finite": "failed: MSE not finite",
    "error": "failed: error",
}


def outcome(record: TrialRecord) -> str:
    """Why a trial ended, in words."""
    if record.result is None:
        return "running"
    return OUTCOMES.get(record.result.stop_reason, record.result.stop_reason)
