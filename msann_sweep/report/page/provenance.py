"""What the numbers rest on: data, versions, seeds, hardware, and the search space itself."""

from __future__ import annotations

import html
import json

from msann_sweep.report.page.section import Context, Section, files, table
from msann_sweep.report.wording import number


def provenance_section(context: Context) -> Section:
    """Data set, versions, seeds, hardware, operators, and the resolved search-space file."""
    state, config = context.sweep.state, context.sweep.config
    environment = state.environment
    seeds = range(config.search.seed, config.search.seed + config.search.seeds)
    workers = {record.worker for record in context.sweep.records if record.worker}
    nodes = {worker.split(",")[0] for worker in workers}
    versions = environment.get("versions", {})
    operators = state.operators
    facts = {
        "Data set": state.trained_on.get("description", "not recorded"),
        "Data digest": state.trained_on.get("digest", "not recorded"),
        "Seeds": ", ".join(map(str, seeds)),
        "Search": "exhaustive grid" if config.search.grid else config.search.sampler,
        "Network": " → ".join(map(str, config.network.layers)),
        "Training": f"{config.training.optimizer}, batches of {config.training.batch_size}, "
        f"to cost {number(config.training.budget_cost)} at most",
        "Started": state.created,
        "Sweep's time": f"{number(state.wall_s, 3)} s",
        "Processor": f"{environment.get('processor', 'not recorded')}, "
        f"{environment.get('cpus', '?')} CPUs",
        "GPUs": ", ".join(environment.get("gpus", [])) or "none",
        "Workers": f"{len(workers)} processes on {len(nodes)} nodes" if workers else "not recorded",
        "System": environment.get("platform", "not recorded"),
        "Python": environment.get("python", "not recorded"),
        "Versions": ", ".join(f"{name} {which or '(sent)'}" for name, which in versions.items()),
        "Commit": environment.get("commit") or "no working tree",
        "Operator sets": f"{operators.get('built', 0)} built, {operators.get('served', 0)} times "
        "handed out"
        if operators
        else "not recorded yet",
    }
    text = json.dumps(facts, indent=2)
    kept = context.keep("provenance.json", lambda file: file.write_text(text, encoding="utf-8"))
    space = html.escape(context.sweep.directory.config_file.read_text(encoding="utf-8"))
    body = table(("", ""), facts.items()) + (
        f"<details><summary>The search-space file, resolved</summary><pre>{space}</pre></details>"
    )
    return Section("Data, versions, seeds, hardware", body + files(kept))
