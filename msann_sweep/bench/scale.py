"""Trials per hour against raylets: how well a sweep scales, with trials that only wait."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

from msann_sweep.bench.simulated import Meter, sweep_of
from msann_sweep.sweep.cluster import ask_for_tokens
from msann_sweep.sweep.launch import launch
from msann_sweep.sweep.simulated_trial import SimulatedTrial


def measure_scale(
    raylets: Sequence[int], trial_s: float, trials_per_raylet: int, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Trials per hour with 1, 2, ... raylets of one CPU each, beside a head that has none.

    Counted from the first trial's end to the last one's, so that starting up is left out;
    ``efficiency`` is over what ``raylets`` times the ideal 3600 / ``trial_s`` would be.
    """
    ask_for_tokens()
    rows = []
    for count in raylets:
        rate = _trials_per_hour(count, trial_s, trials_per_raylet * count)
        row = {"raylets": count, "trials_per_hour": rate}
        row["efficiency"] = rate * trial_s / (3600 * count)
        rows.append(row)
        progress(f"{count} raylets: {rate:,.0f} trials per hour, {row['efficiency']:.0%} of ideal")
    return {"trial_s": trial_s, "trials_per_raylet": trials_per_raylet, "rows": rows}


def _trials_per_hour(raylets: int, trial_s: float, trials: int) -> float:
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        for _ in range(raylets):
            nodes.add_node(num_cpus=1)
        with tempfile.TemporaryDirectory() as folder:
            config = sweep_of(Path(folder), trials, trial_s, address=nodes.address)
            directory = launch(config, Meter(raylets), SimulatedTrial)
            ended = sorted(
                record.ended_s for record in directory.trials().values() if record.ended_s
            )
    finally:
        nodes.shutdown()  # type: ignore[no-untyped-call]  # Ray's own
    # The first trials of all workers end together: only later ones show the rate.
    rest = ended[raylets - 1 :]
    return 3600 * (len(rest) - 1) / (rest[-1] - rest[0])
