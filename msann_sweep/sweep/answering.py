"""Whether a Ray cluster answers at an address; asked before anything is made."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from typing import Any

from msann_sweep.errors import ResourceError

ANSWER_TIMEOUT_S = 6.0
LAST_PORT = 65_535
NO_ANSWER = f"no cluster answers within {ANSWER_TIMEOUT_S:.0f} s"
HEALTH_CHECK = """
import sys
from ray.scripts.scripts import cli
print("ready", flush=True)
cli(["health-check", *sys.argv[1:]])
"""
AUTH_MODE, AUTH_TOKEN, AUTH_TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
REMEDY = "null starts a local cluster"
CLIENT = "ray://"
OTHER_TOKEN = (
    f"it asks for another token; set {AUTH_MODE}=token, and {AUTH_TOKEN} or {AUTH_TOKEN_PATH} to "
    "that of the cluster"
)


def check_answers(address: str) -> None:
    """Raise ResourceError unless a Ray head answers there in time; ``ray.init`` waits for minutes.

    ``address`` is HOST:PORT of the head, or "auto": the cluster that this machine is part of.
    """
    if address != "auto":
        _check_form(address, address)
    reason = NO_ANSWER
    try:
        if address != "auto":
            _connect(address)
        answered, output = _health_check([] if address == "auto" else ["--address", address])
    except subprocess.TimeoutExpired:
        pass
    except (OSError, UnicodeError) as error:
        reason = _no_answer(error)
    else:
        if answered:
            return
        reason = _why_not(output)
    raise cannot_join(address, reason)


def check_client_answers(address: str) -> None:
    """Raise ResourceError unless Ray's client server answers in time at ``ray://HOST:PORT``."""
    place = address.removeprefix(CLIENT)
    _check_form(place, address)
    import grpc  # type: ignore[import-untyped]  # has no types of its own
    from ray._private.grpc_utils import init_grpc_channel
    from ray.core.generated import ray_client_pb2, ray_client_pb2_grpc
    from ray.exceptions import AuthenticationError

    try:
        _connect(place)
        with init_grpc_channel(place) as channel:
            grpc.channel_ready_future(channel).result(ANSWER_TIMEOUT_S)
            protocol: Any = ray_client_pb2
            stub: Any = ray_client_pb2_grpc.RayletDriverStub
            ping = protocol.ClusterInfoRequest(type=protocol.ClusterInfoType.PING)
            stub(channel).ClusterInfo(ping, timeout=ANSWER_TIMEOUT_S)
        return
    except AuthenticationError:
        reason = OTHER_TOKEN
    except (OSError, UnicodeError) as error:
        reason = _no_answer(error)
    except grpc.FutureTimeoutError:
        reason = NO_ANSWER
    except grpc.RpcError as error:
        refused = error.code() == grpc.StatusCode.UNAUTHENTICATED
        reason = OTHER_TOKEN if refused else error.details() or NO_ANSWER
    raise cannot_join(address, reason)


def cannot_join(address: str, reason: str) -> ResourceError:
    """The error that says why no sweep can run at that address."""
    return ResourceError(f"resources.address: cannot join {address}: {reason}; {REMEDY}")


def _check_form(place: str, address: str) -> None:
    host, _, port = place.rpartition(":")
    if not host or "://" in host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > LAST_PORT:
        raise ResourceError(
            f"resources.address: got {address}; allowed: auto, HOST:PORT of a cluster's head, or "
            "ray://HOST:PORT of its client server, as --address of launch and resume"
        )


def _no_answer(error: OSError | UnicodeError) -> str:
    return f"no cluster answers ({getattr(error, 'strerror', None) or error})"


def _connect(place: str) -> None:
    """Connect to HOST:PORT and leave again. Raises OSError, UnicodeError for no host's name."""
    host, _, port = place.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), ANSWER_TIMEOUT_S).close()


def _health_check(options: list[str]) -> tuple[bool, str]:
    """Whether ``ray health-check`` finds a cluster, and what it says.

    In a process that can be ended, for Ray's client waits without end; the time that a busy machine
    needs to import Ray does not count. Raises TimeoutExpired.
    """
    command = [sys.executable, "-c", HEALTH_CHECK, *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as check:
        assert check.stdout
        check.stdout.readline()
        try:
            _, output = check.communicate(timeout=ANSWER_TIMEOUT_S)
        finally:
            check.kill()
    return check.returncode == 0, output


def _why_not(output: str) -> str:
    """What ``ray health-check`` says, in a line."""
    if "AuthenticationError" in output:
        return OTHER_TOKEN
    lines = output.strip().splitlines() or ["it does not answer"]
    return lines[-1].partition("Error: ")[2] or lines[-1]
