"""Whether every node of a cluster sees the sweep's storage."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from msann_sweep.config import SweepConfig
from msann_sweep.config.storage import CACHE_VARIABLE, is_remote, local_folder
from msann_sweep.errors import ResourceError

ANSWER_WAIT_S = 120.0


def check_shared_storage(config: SweepConfig) -> None:
    """Raise ResourceError naming the nodes that do not see the folder the sweep is kept in.

    A file is made in that folder, or in the nearest one above it that is there, for as long as the
    nodes look for it. The trials of a sweep at a URI, too, leave checkpoints and weights in a
    folder, from which the driver copies them: MSANN_CACHE_DIR names it.
    """
    folder = local_folder(config.storage).resolve()
    existing = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    if not os.access(existing, os.W_OK):
        return
    known: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray's own
    nodes = [node for node in known if node["Alive"]]
    with tempfile.NamedTemporaryFile(dir=existing, prefix=".msann-") as probe:
        asked = [
            sees.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(probe.name)
            for node in nodes
        ]
        try:
            answers = ray.get(asked, timeout=ANSWER_WAIT_S)
        except RayError as error:
            reason = str(error).splitlines()[0]
            raise ResourceError(f"resources.address: a node does not answer: {reason}") from None
    answered = zip(nodes, answers, strict=True)
    blind = [node["NodeManagerAddress"] for node, answer in answered if not answer]
    if blind:
        raise ResourceError(
            f"storage: got {config.storage}; {existing} is not the same folder on {len(blind)} of "
            f"{len(nodes)} nodes ({', '.join(blind[:5])}); allowed: a folder that all nodes share"
            f"{f'; {CACHE_VARIABLE} names it' if is_remote(config.storage) else ''}"
        )


@ray.remote(num_cpus=0, max_retries=1)
def sees(file: str) -> bool:
    """Whether a file is there, for reading and writing."""
    return os.access(file, os.R_OK | os.W_OK)
