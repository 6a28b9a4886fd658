"""``status``: how far a sweep has come, in a few lines."""

from __future__ import annotations

from collections import Counter

from msann_sweep.report.wording import cost_to_target, parameters
from msann_sweep.sweep.record import SweepDirectory, TrialRecord, is_alive
from msann_sweep.sweep.summary import compare


def status_lines(directory: SweepDirectory) -> list[str]:
    """State, counts, best so far, operators and the tracking server of a sweep."""
    state = directory.read_state()
    records = directory.trials().values()
    counts = Counter(record.status for record in records)
    shown = state.status
    if shown == "running" and not is_alive(state.pid):
        shown = "cut off, its process is gone"
    if shown not in ("running", "finished"):
        shown += "; `resume` goes on with it"
        counts["cut off"] = counts.pop("running", 0)
    ended = sum(record.result is not None for record in records)
    listing = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    best = compare(records).best
    lines = [
        f"sweep {state.name}: {shown}",
        f"trials: {ended} of {state.planned_trials} ended ({listing or 'none started'})",
        f"best MsANN: {_describe(best)}" if best else "best MsANN: none yet",
        f"tracking: {state.tracking_uri}, run {state.run_id}",
        f"trained on: {state.trained_on['description']}",
    ]
    if state.operators:
        lines.append(
            f"operator sets: {state.operators['built']} built, "
            f"{state.operators['served']} times handed out"
        )
    if state.message:
        lines.append(f"note: {state.message}")
    return lines


def _describe(best: TrialRecord) -> str:
    params = best.result.params if best.result else {}
    return f"{best.id}, cost to target {cost_to_target(best)} ({parameters(params)})"
