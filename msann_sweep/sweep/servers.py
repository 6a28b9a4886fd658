"""The pages that ``ui`` serves on loopback: MLflow, optuna-dashboard, the sweep's own report."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.error import HTTPError
from urllib.request import urlopen

from msann_sweep.errors import InputError, ServerError
from msann_sweep.secrets import without_mask

HOST = "127.0.0.1"
STUDY_VARIABLE = "MSANN_STUDY"
START_PATIENCE_S = 120.0
END_PATIENCE_S = 10.0
NAME, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
SHORTEST_PASSWORD = 12


@dataclass(frozen=True)
class Server:
    """A program that serves pages at a port of loopback; ``environment`` is added to ours."""

    name: str
    port: int
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where its pages are."""
        return f"http://{HOST}:{self.port}"


def mlflow_server(uri: str, port: int, environment: Mapping[str, str] | None = None) -> Server:
    """MLflow's pages for a tracking database; those of other hosts' names are refused.

    The URI is handed over in the environment: a command line can be read by everybody.
    """
    hosts = f"{HOST}:{port},localhost:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port)]
    command += ["--workers", "1", "--allowed-hosts", hosts]
    command += ["--cors-allowed-origins", f"http://{HOST}:{port},http://localhost:{port}"]
    if environment:
        command += ["--app-name", "basic-auth"]
    known = {
        "MLFLOW_BACKEND_STORE_URI": without_mask(uri),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    return Server("MLflow", port, command, {**known, **(environment or {})})


def credentials() -> tuple[str, str]:
    """Name and password for MLflow's pages, from the environment.

    Raises InputError where they are missing or the password is one that MLflow refuses.
    """
    name, password = os.environ.get(NAME, ""), os.environ.get(PASSWORD, "")
    missing = [variable for variable in (NAME, PASSWORD) if not os.environ.get(variable)]
    if missing:
        raise InputError(
            f"--auth: {' and '.join(missing)} not set; set {NAME} and {PASSWORD} in the environment"
        )
    if len(password) < SHORTEST_PASSWORD:
        raise InputError(
            f"--auth: {PASSWORD} is too short; at least {SHORTEST_PASSWORD} characters"
        )
    return name, password


def auth_environment(folder: Path, name: str, password: str) -> dict[str, str]:
    """What makes MLflow ask for a name and a password; ``folder`` keeps its users (hashed)."""
    settings = folder / "basic_auth.ini"
    settings.write_text(
        f"[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = sqlite:///{folder}/users.db\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n",
        encoding="utf-8",
    )
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(settings),
        "MLFLOW_AUTH_ADMIN_USERNAME": name,
        "MLFLOW_AUTH_ADMIN_PASSWORD": password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),
    }


def optuna_dashboard(study: str | None, port: int) -> Server | None:
    """Optuna's own pages of a study, of a file or a database's URL; None where there are none.

    The URL is handed over in the environment, as it may hold a password.
    """
    if find_spec("optuna_dashboard") is None or study is None:
        return None
    # Its console script, run by this Python wherever that was installed.
    start = (
        "import os, sys; from optuna_dashboard._cli import main; "
        f"sys.argv.append(os.environ['{STUDY_VARIABLE}']); main()"
    )
    command = [sys.executable, "-c", start, "--host", HOST, "--port", str(port)]
    return Server("Optuna dashboard", port, command, {STUDY_VARIABLE: study})


def report_server(page: Path, port: int) -> Server | None:
    """The folder of a sweep's HTML page; None where it has not been written."""
    if not page.is_file():
        return None
    command = [sys.executable, "-m", "http.server", str(port), "--bind", HOST]
    return Server("Report", port, [*command, "--directory", str(page.parent)])


class Serving:
    """Servers that run within this context, each in a process group that ends with it.

    Raises InputError when a port is taken (nothing is started then), ServerError when a server
    ends by itself or does not answer in time.
    """

    def __init__(self, servers: Sequence[Server], patience_s: float = START_PATIENCE_S) -> None:
        self.servers = servers
        self.patience_s = patience_s
        self._processes: list[subprocess.Popen[bytes]] = []
        self._log: IO[bytes]

    def __enter__(self) -> Serving:
        for server in self.servers:
            _check_free(server)
        with ExitStack() as stack:
            self._log = stack.enter_context(tempfile.TemporaryFile())
            stack.callback(self._end)
            for server in self.servers:
                self._processes.append(
                    subprocess.Popen(
                        server.command,
                        start_new_session=True,
                        stdin=subprocess.DEVNULL,
                        stdout=self._log,
                        stderr=subprocess.STDOUT,
                        env={**os.environ, **server.environment},
                    )
                )
            deadline = time.monotonic() + self.patience_s
            for server, process in zip(self.servers, self._processes, strict=True):
                self._await(server, process, deadline)
            self._ending = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.close()

    def wait(self) -> None:
        """Wait until a server ends by itself; raises ServerError then."""
        while True:
            for server, process in zip(self.servers, self._processes, strict=True):
                if process.poll() is not None:
                    raise ServerError(f"{server.name}: ended by itself{self._last_words()}")
            time.sleep(0.5)

    def _await(self, server: Server, process: subprocess.Popen[bytes], deadline: float) -> None:
        while not _answers(server.url):
            if process.poll() is not None:
                raise ServerError(f"{server.name}: did not start{self._last_words()}")
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{server.name}: no answer at {server.url} within {self.patience_s:.0f} s"
                    f"{self._last_words()}"
                )
            time.sleep(0.2)

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""

    def _end(self) -> None:
        for process in self._processes:
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + END_PATIENCE_S
        for process in self._processes:
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _check_free(server: Server) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, server.port))
        except OSError as error:
            raise InputError(
                f"--port: {server.port} cannot be had for {server.name} ({error.strerror}); "
                "choose another with --port"
            ) from None


def _answers(url: str) -> bool:
    """Whether a server answers at all; that it asks for a password is an answer."""
    try:
        urlopen(url, timeout=5).close()
    except HTTPError:
        return True
    except OSError:
        return False
    return True
