"""``status``: how far a sweep has come, in a few lines."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from msann_sweep.report.wording import number, parameters, sample_cost
from msann_sweep.sweep.counters import LIVE_FILE, Counters
from msann_sweep.sweep.lease import live_owner
from msann_sweep.sweep.record import SweepDirectory
from msann_sweep.sweep.sample import Sample
from msann_sweep.sweep.summary import compare_samples

WATCH_INTERVAL_S = 2.0


def status_lines(directory: SweepDirectory) -> list[str]:
    """State, counts, best so far, operators and the tracking server of a sweep."""
    state = directory.read_state()
    records = directory.trials().values()
    counts = Counter(record.status for record in records)
    shown = state.status
    if shown == "running" and live_owner(directory.path) is None:
        shown = "cut off, its process is gone"
    if shown not in ("running", "finished"):
        shown += "; `resume` goes on with it"
        counts["cut off"] = counts.pop("running", 0)
    ended = sum(record.result is not None for record in records)
    listing = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    best = compare_samples(records).best
    lines = [
        f"sweep {state.name}: {shown}",
        f"trials: {ended} of {state.planned_trials} ended ({listing or 'none started'})",
        f"best MsANN: {_describe(best)}" if best else "best MsANN: none yet",
        f"tracking: {state.tracking_uri}" + (f", run {state.run_id}" if state.run_id else ""),
        f"trained on: {state.trained_on['description']}",
    ]
    if state.operators:
        lines.append(operators_in_words(state.operators))
    counters = live_counters(directory)
    if counters and shown == "running":
        lines.append(
            f"speed: {number(counters.trials_per_hour)} trials per hour, "
            f"{number(counters.examples_per_s)} training examples per second ({counters.time})"
        )
    if state.message:
        lines.append(f"note: {state.message}")
    return lines


def watch_status(
    console: Console, find: Callable[[], SweepDirectory], interval_s: float = WATCH_INTERVAL_S
) -> None:
    """Show the status, again and again, until the sweep runs no longer or Ctrl-C ends the view.

    A terminal shows the latest only; elsewhere lines are printed as they change. ``find`` gives
    the sweep as it is now: one at a URI is copied anew.
    """
    with suppress(KeyboardInterrupt):
        if console.is_terminal:
            with Live(console=console, auto_refresh=False) as live:
                for lines in _snapshots(find, interval_s):
                    live.update(Text("\n".join(lines)), refresh=True)
            return
        before: list[str] = []
        for lines in _snapshots(find, interval_s):
            for line in lines:
                if line not in before:
                    console.print(line, markup=False, soft_wrap=True)
            before = lines


def _snapshots(find: Callable[[], SweepDirectory], interval_s: float) -> Iterator[list[str]]:
    while True:
        directory = find()
        running = directory.read_state().status == "running"
        running = running and live_owner(directory.path) is not None
        yield status_lines(directory)
        if not running:
            return
        time.sleep(interval_s)


def live_counters(directory: SweepDirectory) -> Counters | None:
    """The counters that the sweep last wrote; None before it has run its first trial."""
    file = directory.path / LIVE_FILE
    return Counters.from_json(file.read_text(encoding="utf-8")) if file.exists() else None


def status_json(directory: SweepDirectory) -> dict[str, Any]:
    """The state for monitoring: ``status``, ``counters`` (null before the first), ``message``.

    ``status`` is the recorded one, or "cut off" where it says running and no process runs it.
    """
    state = directory.read_state()
    counters = live_counters(directory)
    cut_off = state.status == "running" and live_owner(directory.path) is None
    return {
        "sweep": state.name,
        "status": "cut off" if cut_off else state.status,
        "counters": asdict(counters) if counters else None,
        "message": state.message,
    }


def operators_in_words(counters: Mapping[str, Any]) -> str:
    """The counters of the operator actors in a line."""
    restarts = counters.get("restarts", 0)
    restarted = f"; their registry was restarted {restarts} times" if restarts else ""
    return (
        f"operator sets: {counters['built']} built, {counters.get('loaded', 0)} loaded from disk, "
        f"{counters.get('bytes', 0) / 1e6:.1f} MB on each node; "
        f"{counters['served']} times handed out, waited for {counters.get('waited_s', 0.0):.1f} s "
        f"in all{restarted}"
    )


def _describe(best: Sample) -> str:
    params = parameters(best.results[0].params)
    return f"{best.name}, cost to target {sample_cost(best)} ({params})"
