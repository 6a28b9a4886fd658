"""The Ray cluster a sweep runs on: a local one of its own, or one that is running already."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any
from urllib.parse import urlsplit

from msann_sweep.config import SweepConfig
from msann_sweep.errors import ResourceError

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray

CONNECT_TIMEOUT_S = 10.0


def connect(config: SweepConfig) -> int:
    """Start or join Ray and return how many trials fit at once.

    Raises ResourceError when no cluster answers or not even one trial fits.
    """
    address = config.resources.address
    if address:
        _check_answers(address)
    local: dict[str, Any] = (
        {} if address else {"_node_ip_address": "127.0.0.1", "include_dashboard": False}
    )
    try:
        ray.init(
            address=address or "local",
            namespace="msann_sweep",
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=True,
            **local,
        )
    except (ConnectionError, ValueError, TimeoutError) as error:
        reason = str(error).splitlines()[0]
        raise ResourceError(f"resources.address: cannot join {address!r}: {reason}") from None
    try:
        return trials_at_once(config)
    except ResourceError:
        ray.shutdown()
        raise


def _check_answers(address: str) -> None:
    """Raise ResourceError unless something listens at HOST:PORT; Ray itself waits for minutes."""
    target = urlsplit(address if "://" in address else f"//{address}")
    if target.port is None:
        return
    try:
        socket.create_connection((target.hostname, target.port), CONNECT_TIMEOUT_S).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ResourceError(
            f"resources.address: no cluster answers at {address}: {reason}; null starts a local one"
        ) from None


def trials_at_once(config: SweepConfig) -> int:
    """How many trials the cluster has room for. Raises ResourceError if none."""
    wanted = {"CPU": config.resources.cpus_per_trial, "GPU": config.resources.gpus_per_trial}
    available = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray's own
    for kind, amount in wanted.items():
        if amount > available.get(kind, 0):
            raise ResourceError(
                f"resources.{kind.lower()}s_per_trial: got {amount:g}; "
                f"the cluster has {available.get(kind, 0):g} {kind}s"
            )
    return min(int(available[kind] // amount) for kind, amount in wanted.items() if amount)
