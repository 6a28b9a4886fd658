"""The Ray cluster a sweep runs on: a local one of its own, or one that is running already."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msann_sweep.config import SweepConfig
from msann_sweep.data.mnist import DATA_DIR_VARIABLE
from msann_sweep.errors import ResourceError, SweepError

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
# Tune asks for one trial at a time otherwise, and waits for its process to start.
os.environ.setdefault("TUNE_MAX_PENDING_TRIALS_PG", "1000")
# Results come in batches, see MsannTrial.train_buffered; the more trials, the longer Tune lets
# each of them collect.
os.environ.setdefault("TUNE_RESULT_BUFFER_LENGTH", "1000")
os.environ.setdefault("TUNE_RESULT_BUFFER_MIN_TIME_S", "0.5")
os.environ.setdefault("TUNE_RESULT_BUFFER_MAX_TIME_S", "20")
# Tune's own snapshots are never restored.
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "1e9")
# Crashes are told by us.
os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray._private import ray_constants
from ray._raylet import Config  # type: ignore[attr-defined]  # compiled

from msann_sweep.sweep.answering import AUTH_MODE, AUTH_TOKEN, AUTH_TOKEN_PATH, cannot_join
from msann_sweep.sweep.capacity import check_room
from msann_sweep.sweep.log import SWEEP, log_event
from msann_sweep.sweep.shared_storage import check_shared_storage

LOOPBACK = "127.0.0.1"
START_ATTEMPTS = 3
NEEDED = {ray_constants.PROCESS_TYPE_GCS_SERVER, ray_constants.PROCESS_TYPE_RAYLET}


def connect(config: SweepConfig) -> None:
    """Start or join Ray.

    A cluster of the sweep's own listens on loopback only and asks for a token that is random and
    known to this process and those it starts. A cluster that is joined gets the package and the
    directory of MNIST by Ray's runtime environment.

    Raises ResourceError when the cluster cannot be joined (:func:`check_answers` has been called
    before) or has another version of Python or Ray, when not even one trial fits, or when its
    nodes do not see the sweep's storage; nothing is left connected then.
    """
    address = config.resources.address
    if address:
        _join(address)
    else:
        _start()
    try:
        if address:
            check_shared_storage(config)
        check_room(config.resources)
    except ResourceError:
        ray.shutdown()
        raise


def _start() -> None:
    """Start a local cluster; what Ray would listen on all interfaces with, listens on loopback."""
    _own_address(LOOPBACK)
    ask_for_tokens()
    for left in reversed(range(START_ATTEMPTS)):
        try:
            _init(address="local", _node_ip_address=LOOPBACK, include_dashboard=False)
            return
        except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
            ray.shutdown()
            # On a machine with much to do, Ray's processes may not answer in time.
            if not left:
                raise ResourceError(
                    f"Ray cannot start on this machine: {_first_line(error)}"
                ) from None


def ask_for_tokens() -> None:
    """Have the cluster that is started next ask for a token: the user's, or a random one.

    It is in the environment of this process and of those it starts, and in no file. A user who has
    set RAY_AUTH_MODE is left to it.
    """
    if AUTH_MODE in os.environ:
        return
    if AUTH_TOKEN_PATH not in os.environ:
        os.environ.setdefault(AUTH_TOKEN, secrets.token_hex(32))
    os.environ[AUTH_MODE] = "token"
    # Ray has read the mode when it was imported.
    Config.initialize("")


def disconnect() -> None:
    """Leave the cluster; one of the sweep's own ends."""
    ray.shutdown()


def check_alive() -> None:
    """Raise SweepError if one of the processes of the sweep's own cluster is gone.

    Without it Ray waits for a minute, and then ends this process without another word.
    """
    node = ray._private.worker._global_node
    gone: set[str] = {kind for kind, _ in node.dead_processes()} if node else set()
    for kind in sorted(gone & NEEDED):
        raise SweepError(
            f"Ray's {kind} is gone (killed? out of memory?), and the trials with it; `resume` goes "
            "on from their checkpoints"
        )


def _join(address: str) -> None:
    """Join the cluster at HOST:PORT, or (auto) the one that this machine is part of."""
    _own_address(None)
    try:
        _init(address=address, runtime_env=runtime_environment(DATA_DIR_VARIABLE))
    except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
        raise cannot_join(address, in_one_line(error)) from None


def runtime_environment(*variables: str) -> dict[str, Any]:
    """What the processes of a joined cluster get: this package, and ``variables`` that are set."""
    package = Path(__file__).parents[1]
    passed_on = {*variables, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"} & set(os.environ)
    return {
        "py_modules": [str(package)],
        "excludes": ["**/__pycache__"],
        "env_vars": {name: os.environ[name] for name in passed_on},
    }


def in_one_line(error: Exception) -> str:
    """What Ray says in several."""
    return " ".join(str(error).split())


def _init(**options: Any) -> None:
    # Ray would print what its raylets warn of on stdout, in the midst of a command's JSON.
    ray._private.worker.print_to_stdstream = _log_warning
    handler = signal.getsignal(signal.SIGTERM)
    ray.init(
        namespace="msann_sweep",
        log_to_driver=False,
        logging_level=logging.ERROR,
        configure_logging=True,
        **options,
    )
    # Ray has put its own in the place of ours: it would end the sweep without a word.
    if callable(handler) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def _log_warning(data: Mapping[str, Any], ignore_prefix: bool) -> None:  # noqa: ARG001  # Ray's
    log_event(SWEEP, "ray", " ".join(data["lines"]))


def _own_address(host: str | None) -> None:
    """Have Ray take loopback for this machine's address, or (None) the one that others reach.

    Ray 2.60 replaces a loopback address given to it by the machine's own, unless it is told (by a
    variable named for other systems) that machines do not form clusters.
    """
    os.environ.pop(ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, None)
    if host:
        os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = "0"
    ray_constants.ENABLE_RAY_CLUSTER = host is None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
