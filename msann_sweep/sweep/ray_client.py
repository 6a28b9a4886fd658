"""A sweep commanded from outside its cluster, at ray://HOST:PORT (Ray Client).

A sweep runs on a machine of its cluster. So the command is run again on the head, as a process
there, and what that one says is said here. When this process goes, that one goes too, and the sweep
can be resumed.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TextIO

import ray
from ray.exceptions import RayError

from msann_sweep.errors import SweepError
from msann_sweep.sweep.answering import cannot_join
from msann_sweep.sweep.cluster import in_one_line, runtime_environment
from msann_sweep.sweep.interrupts import Interrupts

HEAD = {"node:__internal_head__": 0.001}
# Variables of a worker that a process which joins its cluster needs as well.
TO_JOIN = ("RAY_AUTH_", "RAY_TLS_", "RAY_USE_TLS")
POLL_S = 0.3
# The first client of a cluster is often turned away: Ray (2.60) forks its server as others run.
ATTEMPTS = 3


def run_at_head(address: str, arguments: Sequence[str], files: Mapping[str, bytes]) -> int:
    """``python -m msann_sweep ARGUMENTS`` on the head of the cluster; its exit code.

    ``files`` lie in the folder that it starts in. Ctrl-C is passed on. Raises ResourceError when
    the cluster cannot be joined (:func:`check_client_answers` has been called before), SweepError
    when it is lost, KeyboardInterrupt when the command was interrupted, or at a second Ctrl-C.
    """
    _connect(address)
    try:
        return _follow(_start(address, arguments, files))
    except BrokenPipeError:  # of our own output
        raise
    except (RayError, ConnectionError) as error:
        raise SweepError(
            f"{address}: the cluster's head is gone ({_reason(error)}); `resume` goes on with the "
            "sweep"
        ) from None
    finally:
        ray.shutdown()


def _start(address: str, arguments: Sequence[str], files: Mapping[str, bytes]) -> Any:
    columns = shutil.get_terminal_size().columns
    command: Any = ray.remote(HeadCommand).options(num_cpus=0, resources=HEAD)
    try:
        started = command.remote(list(arguments), dict(files), columns)
        ray.get(started.said.remote(0))
    except RayError as error:
        raise cannot_join(address, _reason(error)) from None
    return started


def _reason(error: Exception) -> str:
    """What Ray says last: the cause stands below where it was met."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()


def _connect(address: str) -> None:
    for left in reversed(range(ATTEMPTS)):
        try:
            ray.init(
                address,
                namespace="msann_sweep",
                runtime_env=runtime_environment(),
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
            return
        except ConnectionAbortedError as error:
            ray.shutdown()
            if not left:
                raise cannot_join(address, in_one_line(error)) from None
        except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
            raise cannot_join(address, in_one_line(error)) from None


def _follow(command: Any) -> int:
    """Say what the command says until it has ended; its exit code."""
    code: int | None = None
    seen, told = 0, False
    with Interrupts() as interrupts:
        while code is None:
            lines, code = ray.get(command.said.remote(seen))
            seen += len(lines)
            for is_error, line in lines:
                _say(line, sys.stderr if is_error else sys.stdout)
            if interrupts.noted and not told:
                told = True
                ray.get(command.interrupt.remote())
            time.sleep(POLL_S)
    if code >= 0:
        return code
    if told:
        raise KeyboardInterrupt
    raise SweepError(f"the sweep's process was killed ({code}); `resume` goes on with it")


def _say(line: str, stream: TextIO) -> None:
    """Write what the head has said in its own encoding, as far as ours has the characters."""
    encoding = stream.encoding or "utf-8"
    stream.write(line.encode(encoding, "replace").decode(encoding))
    stream.flush()


class HeadCommand:
    """An actor that holds one command's process and what it has said."""

    def __init__(self, arguments: list[str], files: dict[str, bytes], columns: int) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="msann-")
        self.files = {Path(self.folder.name, name): each for name, each in files.items()}
        for file, content in self.files.items():
            file.write_bytes(content)
        self.lines: list[tuple[bool, str]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "msann_sweep", *arguments],
            cwd=self.folder.name,
            env=_environment(columns),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self.readers = [
            threading.Thread(target=self._read, args=(stream, is_error), daemon=True)
            for is_error, stream in enumerate((self.process.stdout, self.process.stderr))
        ]
        for reader in self.readers:
            reader.start()

    def _read(self, stream: IO[str], is_error: int) -> None:
        for line in stream:
            self.lines.append((bool(is_error), line))

    def said(self, seen: int) -> tuple[list[tuple[bool, str]], int | None]:
        """What was said after the first ``seen`` lines, and the exit code once all was said."""
        if any(reader.is_alive() for reader in self.readers):
            if self.lines:  # so it has been read; this process may be killed and clear nothing
                for file in self.files:
                    file.unlink(missing_ok=True)
            return self.lines[seen:], None
        code = self.process.wait()
        self.folder.cleanup()
        return self.lines[seen:], code

    def interrupt(self) -> None:
        """As Ctrl-C does: SIGINT itself is blocked in the processes of Ray's workers."""
        self.process.terminate()


def _environment(columns: int) -> dict[str, str]:
    """This worker's, less what makes it one; the cluster's address is that of ``auto``."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(TO_JOIN) or not name.startswith("RAY_")
    }
    address: str = ray.get_runtime_context().gcs_address
    said = {"PYTHONUTF8": "1", "COLUMNS": str(columns)}
    return {**inherited, "RAY_ADDRESS": address, **said}
