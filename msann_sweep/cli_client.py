"""``launch`` and ``resume`` given from outside a cluster, at ray://HOST:PORT."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from msann_sweep.config import SweepConfig
from msann_sweep.config.storage import is_remote, local_folder
from msann_sweep.errors import ConfigError, Problem
from msann_sweep.sweep.answering import CLIENT, check_client_answers


def is_outside(address: str | None) -> bool:
    """Whether it is an address for those outside the cluster."""
    return address is not None and address.startswith(CLIENT)


def launch_from_outside(config: SweepConfig, file: Path, overrides: Iterable[str]) -> int:
    """Run the sweep on the cluster's head; the exit code of ``launch`` there."""
    address = str(config.resources.address)
    _check_place("storage", config.storage)
    if not file.is_file():
        raise ConfigError([Problem("FILE", str(file), f"with {CLIENT}, a file that can be sent")])
    return _run(address, ["launch", file.name], overrides, {file.name: file.read_bytes()})


def resume_from_outside(address: str, sweep: str, storage: str, overrides: Iterable[str]) -> int:
    """Go on with the sweep on the cluster's head; the exit code of ``resume`` there."""
    if not _is_place(sweep):
        _check_place("--storage", storage)
    return _run(address, ["resume", sweep, "--storage", storage], overrides, {})


def _run(
    address: str, command: list[str], overrides: Iterable[str], files: Mapping[str, bytes]
) -> int:
    check_client_answers(address)
    from msann_sweep.sweep.ray_client import run_at_head

    options = [("--set", each) for each in (*overrides, "resources.address=auto")]
    return run_at_head(address, [*command, *(part for pair in options for part in pair)], files)


def _is_place(path: str) -> bool:
    return is_remote(path) or local_folder(path).is_absolute()


def _check_place(where: str, storage: str) -> None:
    if not _is_place(storage):
        raise ConfigError(
            [
                Problem(
                    where,
                    storage,
                    f"with {CLIENT}, a URI, or the whole path of a folder that all nodes share",
                )
            ]
        )
