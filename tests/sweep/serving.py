"""A real tracking server for tests, on a free port of loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from msann_sweep.sweep.servers import HOST, Server, mlflow_server

PATIENCE_S = 400.0


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class TrackingServer:
    """An MLflow server that can be killed and started again on the same database."""

    def __init__(self, folder: Path, database: Path) -> None:
        self.server: Server = mlflow_server(f"sqlite:///{database}", free_port())
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.server.command,
            cwd=self.folder,
            env={**os.environ, **self.server.environment},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self.answers)

    def answers(self) -> bool:
        try:
            urlopen(f"{self.server.url}/health", timeout=60).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
