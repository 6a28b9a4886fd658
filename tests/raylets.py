"""Ray nodes as a cluster's machines have them: separate processes that the tests join and kill."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

PATIENCE_S = 600.0
START_ATTEMPTS = 5


def free_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], Any], process: subprocess.Popen[str] | None = None) -> Any:
    """What the condition says once it holds; fails after ten minutes or when the process ends."""
    deadline = time.monotonic() + PATIENCE_S
    while not (met := condition()):
        assert time.monotonic() < deadline, "waited for ten minutes"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.1)
    return met


def processes() -> dict[int, tuple[int, int]]:
    """Parent and session of every process, as /proc has them."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(stat.parent.name)] = int(fields[1]), int(fields[3])
    return found


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    children = [each for each, (parent, _) in processes().items() if parent == pid]
    return [*children, *(each for child in children for each in descendants(child))]


class Raylets:
    """A cluster of ``ray start`` processes, started in / and without this package on their path.

    ``environment`` is what raylets and those that join share, beside the tests' own.
    """

    def __init__(self, **environment: str) -> None:
        kept = {
            name: value
            for name, value in os.environ.items()
            if name != "PYTHONPATH" and not name.startswith("RAY_")
        }
        settings = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
        self.environment: Mapping[str, str] = {**kept, **settings, **environment}
        self.address = f"127.0.0.1:{free_port()}"
        self.client_address = f"ray://127.0.0.1:{free_port()}"
        # Sockets have short paths only.
        self.folder = Path(tempfile.mkdtemp(prefix="ray-"))
        self.nodes: list[subprocess.Popen[str]] = []

    def head(self, cpus: int) -> subprocess.Popen[str]:
        """Start the first node and wait until it answers."""
        port = self.address.partition(":")[2]
        client_port = self.client_address.rpartition(":")[2]
        return self._start(
            (), "--head", f"--port={port}", f"--num-cpus={cpus}", "--include-dashboard=false",
            f"--temp-dir={self.folder}", f"--ray-client-server-port={client_port}",
        )  # fmt: skip

    def add(self, cpus: int, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """Have another node join; ``before`` is a command that runs the rest of its line."""
        return self._start(before, f"--address={self.address}", f"--num-cpus={cpus}")

    def _start(self, before: tuple[str, ...], *options: str) -> subprocess.Popen[str]:
        """A node that has joined. On a machine with much to do, Ray gives up; it is tried again."""
        ray = [*before, sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
        for attempt in range(START_ATTEMPTS):
            log = self.folder / f"node-{len(self.nodes)}-{attempt}.log"
            with log.open("w") as output:
                node = subprocess.Popen(
                    [*ray, "--disable-usage-stats", *options],
                    cwd="/", env=dict(self.environment), stdout=output, stderr=output, text=True,
                    start_new_session=True,
                )  # fmt: skip
            self.nodes.append(node)
            started = partial(_has_started, log)
            wait_until(lambda: started() or node.poll() is not None)  # noqa: B023
            if started():
                return node
            self.kill(node)
        raise AssertionError(log.read_text())

    def kill(self, node: subprocess.Popen[str]) -> None:
        """Kill a node with all that runs on it, as a power cut does."""
        while below := [pid for pid, (_, session) in processes().items() if session == node.pid]:
            for pid in below:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            node.poll()
            time.sleep(0.05)
        node.wait()
        self.nodes.remove(node)

    def running(self, title: str) -> list[subprocess.Popen[str]]:
        """The nodes on which a process runs whose command line holds ``title``."""
        titled = {session for pid, (_, session) in processes().items() if title in _line(pid)}
        return [node for node in self.nodes if node.pid in titled]

    def __enter__(self) -> Raylets:
        return self

    def __exit__(self, *_: object) -> None:
        for node in reversed(self.nodes.copy()):
            self.kill(node)
        shutil.rmtree(self.folder, ignore_errors=True)


def _has_started(log: Path) -> bool:
    return "Ray runtime started" in log.read_text()


def _line(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    return ""
