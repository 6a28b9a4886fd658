"""Whether a Ray cluster answers at an address; asked before Ray itself is imported."""

from __future__ import annotations

import socket
import subprocess
import sys

from msann_sweep.errors import ResourceError

ANSWER_TIMEOUT_S = 6.0
HEALTH_CHECK = """
import sys
from ray.scripts.scripts import cli
print("ready", flush=True)
cli(["health-check", *sys.argv[1:]])
"""
AUTH_MODE, AUTH_TOKEN, AUTH_TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
REMEDY = "null starts a local cluster"


def check_answers(address: str) -> None:
    """Raise ResourceError unless a Ray head answers there in time; ``ray.init`` waits for minutes.

    ``address`` is HOST:PORT of the head, or "auto": the cluster that this machine is part of.
    """
    if address != "auto" and ("://" in address or not address.rpartition(":")[2].isdigit()):
        raise ResourceError(
            f"resources.address: got {address}; allowed: auto, or HOST:PORT of a cluster's head. "
            "A sweep runs on a machine of the cluster, which ray:// is not; to start one from "
            "outside, use `ray job submit` or one of clusters/"
        )
    reason = f"no cluster answers within {ANSWER_TIMEOUT_S:.0f} s"
    try:
        if address != "auto":
            host, _, port = address.rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), ANSWER_TIMEOUT_S).close()
        answered, output = _health_check([] if address == "auto" else ["--address", address])
    except subprocess.TimeoutExpired:
        pass
    except OSError as error:
        reason = f"no cluster answers ({error.strerror or error})"
    else:
        if answered:
            return
        reason = _why_not(output)
    raise ResourceError(f"resources.address: cannot join {address}: {reason}; {REMEDY}")


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
        return (
            f"it asks for another token; set {AUTH_MODE}=token, and {AUTH_TOKEN} or "
            f"{AUTH_TOKEN_PATH} to that of the cluster"
        )
    lines = output.strip().splitlines() or ["it does not answer"]
    return lines[-1].partition("Error: ")[2] or lines[-1]
