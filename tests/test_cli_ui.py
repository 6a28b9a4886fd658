"""``ui``: pages on loopback, passwords from the environment, refusals."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from msann_sweep.errors import InputError, ServerError
from msann_sweep.sweep.servers import HOST, Server, Serving
from tests.sweep.serving import free_port

# Its own, as other tests may have theirs on a command line just now.
PASSWORD = f"correct-horse-{secrets.token_hex(8)}"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "msann_sweep", "ui", *map(str, arguments)]


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_T")}
    return kept | changes


def answer_to(request: Request) -> int:
    """The status of the answer."""
    try:
        with urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except HTTPError as refusal:
        refusal.close()
        return refusal.code


@pytest.mark.parametrize(
    ("arguments", "changes", "message"),
    [
        ((), {}, "runs holds no mlflow.db; launch a sweep first"),
        (("nothing",), {}, "no such sweep"),
        (("--auth",), {}, "--auth: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD not set"),
        (
            ("--auth",),
            {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": "short"},
            "MLFLOW_TRACKING_PASSWORD is too short; at least 12 characters",
        ),
    ],
)
def test_bad_input(
    tmp_path: Path, arguments: tuple[str, ...], changes: dict[str, str], message: str
) -> None:
    answer = subprocess.run(
        command(*arguments),
        cwd=tmp_path,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert answer.returncode == 2
    assert message in answer.stderr
    assert not list(tmp_path.iterdir())


def test_a_port_that_is_taken_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        made = tmp_path / "made"
        server = Server("Pages", port, [sys.executable, "-c", f"open({str(made)!r}, 'w')"])
        with pytest.raises(InputError, match=rf"--port: {port} cannot be had for Pages"):
            Serving([server]).__enter__()
    assert not made.exists()


def test_a_server_that_ends_at_once_says_why() -> None:
    failing = Server("Pages", free_port(), [sys.executable, "-c", "raise SystemExit('no disk')"])
    with pytest.raises(ServerError, match="Pages: did not start: no disk"):
        Serving([failing]).__enter__()


def test_a_server_that_does_not_answer_is_ended_with_its_children(tmp_path: Path) -> None:
    # The child has the only writing end: the pipe is at its end once the child is gone.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    child = f"import time; f = open({str(pipe)!r}, 'w'); time.sleep(600)"
    script = (
        f"import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(600)"
    )
    server = Server("Pages", free_port(), [sys.executable, "-c", script])
    opened = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(ServerError, match=r"Pages: no answer at http://127.0.0.1:\d+ within 5 s"):
        Serving([server], patience_s=5).__enter__()
    os.set_blocking(opened, True)
    assert os.read(opened, 1) == b""
    os.close(opened)


@pytest.mark.slow
def test_auth_asks_for_the_password_of_the_environment(
    tmp_path: Path, empty_database: Path
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mlflow.db").write_bytes(empty_database.read_bytes())
    port = free_port()
    login = {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": PASSWORD}
    process = subprocess.Popen(
        command("--auth", "--port", port),
        cwd=tmp_path,
        env=environment(**login, PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == f"MLflow: http://127.0.0.1:{port}\n"
        page = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get?experiment_id=0"
        assert answer_to(Request(page)) == 401
        word = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
        known = {"Authorization": f"Basic {word}"}
        assert answer_to(Request(page, headers=known)) == 200
        assert answer_to(Request(page, headers={**known, "Host": "evil.example"})) == 403
        listing = subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True)
        assert PASSWORD not in listing.stdout
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    with socket.socket() as probe:
        assert probe.connect_ex((HOST, port)) != 0
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert not any(PASSWORD.encode() in file.read_bytes() for file in written)
