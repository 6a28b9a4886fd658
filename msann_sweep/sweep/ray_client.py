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
from typing import IO, Any

import ray
from ray.exceptions import RayError

from msann_sweep.errors import SweepError
from msann_sweep.sweep.answering import AUTH_MODE, AUTH_TOKEN, AUTH_TOKEN_PATH, cannot_join
from msann_sweep.sweep.cluster import in_one_line, runtime_environment
from msann_sweep.sweep.interrupts import Interrupts

HEAD = {"node:__internal_head__": 0.001}
INTERRUPTED = 130
POLL_S = 0.3
# The first client of a cluster is often turned away: Ray (2.60) forks its server as others run.
ATTEMPTS = 3


def run_at_head(address: str, arguments: Sequence[str], files: Mapping[str, bytes]) -> int:
    """``python -m msann_sweep ARGUMENTS`` on the head of the cluster; its exit code.

    ``files`` lie in the folder that it starts in. Ctrl-C is passed on. Raises ResourceError when
    the cluster cannot be joined (:func:`check_client_answers` has been called before), SweepError
    when it is lost, KeyboardInterrupt at a second Ctrl-C.
    """
    _connect(address)
    try:
        columns = shutil.get_terminal_size().columns
        command = ray.remote(HeadCommand).options(num_cpus=0, resources=HEAD)
        return _follow(command.remote(list(arguments), dict(files), columns))
    except (RayError, ConnectionError) as error:
        reason = str(error).splitlines()[0]
        raise SweepError(
            f"{address}: the cluster's head is gone ({reason}); `resume` goes on with the sweep"
        ) from None
    finally:
        ray.shutdown()


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
    seen, code, told = 0, None, False
    with Interrupts() as interrupts:
        while code is None:
            lines, code = ray.get(command.said.remote(seen))
            seen += len(lines)
            for is_error, line in lines:
                print(line, end="", file=sys.stderr if is_error else sys.stdout, flush=True)
            if interrupts.noted and not told:
                told = True
                ray.get(command.interrupt.remote())
            time.sleep(POLL_S)
    if code < 0 and not told:
        raise SweepError(f"the sweep's process was killed ({code}); `resume` goes on with it")
    return max(code, 0) or (INTERRUPTED if told else 0)


class HeadCommand:
    """An actor that holds one command's process and what it has said."""

    def __init__(self, arguments: list[str], files: dict[str, bytes], columns: int) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="msann-")
        for name, content in files.items():
            Path(self.folder.name, name).write_bytes(content)
        self.lines: list[tuple[bool, str]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "msann_sweep", *arguments],
            cwd=self.folder.name,
            env=_environment(columns),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
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
            return self.lines[seen:], None
        code = self.process.wait()
        self.folder.cleanup()
        return self.lines[seen:], code

    def interrupt(self) -> None:
        """As Ctrl-C does: SIGINT itself is blocked in the processes of Ray's workers."""
        self.process.terminate()


def _environment(columns: int) -> dict[str, str]:
    """This worker's, less what makes it one; the cluster's address is that of ``auto``."""
    kept = {AUTH_MODE, AUTH_TOKEN, AUTH_TOKEN_PATH}
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in kept or not name.startswith("RAY_")
    }
    address: str = ray.get_runtime_context().gcs_address
    return {**inherited, "RAY_ADDRESS": address, "COLUMNS": str(columns)}
