"""A throw-away PostgreSQL server on loopback, of Debian's package."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from glob import glob
from pathlib import Path

import psycopg2
import pytest

PASSWORD = "not-to-be-seen"
START_LIMIT_S = 120
ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C"}


def programs() -> Path:
    """The folder of initdb and postgres; skips the test, saying why, where there is none."""
    folders = sorted(glob("/usr/lib/postgresql/*/bin"))
    found = shutil.which("initdb")
    if not folders and found is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return Path(folders[-1]) if folders else Path(str(found)).resolve().parent


def account() -> str:
    """Who runs the server: root must not."""
    if os.getuid() != 0:
        return getpass.getuser()
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")


class PostgreSQL:
    """A server that can be stopped and started again on the same port, with the same data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin, self.user = programs(), account()
        shutil.chown(folder, self.user)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        shutil.chown(secret, self.user)
        self._run(
            "initdb", "-D", str(folder / "data"), "-U", "sweep", "-A", "scram-sha-256",
            f"--pwfile={secret}", "--no-sync", "-E", "UTF8",
        )  # fmt: skip
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://sweep:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.bin / program), *arguments]
        subprocess.run(
            command, user=self.user, cwd=self.folder, env=ENVIRONMENT, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def start(self) -> None:
        command = [str(self.bin / "postgres"), "-D", str(self.folder / "data"), "-F"]
        command += ["-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, user=self.user, cwd=self.folder, env=ENVIRONMENT, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            try:
                psycopg2.connect(self.url).close()
                return
            except psycopg2.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, "PostgreSQL does not answer"
                time.sleep(0.2)

    def stop(self) -> None:
        """End it at once, with its connections."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(START_LIMIT_S)
            self.process = None


@contextmanager
def running_server() -> Iterator[PostgreSQL]:
    """A server in a folder of its own, gone afterwards."""
    programs()
    account()
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    try:
        server = PostgreSQL(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
