"""A trial's state on disk: whole or not at all, and free of code.

A file is what ``torch.save`` made of a trial's state, sealed. Before a new one takes its place, the
one there becomes "<name>.previous": should the newest be damaged, the one before it is used.
"""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import torch

from msann_sweep.errors import CheckpointError
from msann_sweep.sealed_file import read_sealed, write_sealed

INTERVAL_S = 10.0
# Saving takes at most this share of the time, however slow the disk is.
LARGEST_SHARE = 0.01


class CheckpointFile:
    """Where the state of one trial is kept, and when it was last saved."""

    def __init__(self, file: Path, interval_s: float = INTERVAL_S) -> None:
        self.file = file
        self.previous = file.with_name(f"{file.name}.previous")
        self.interval_s = interval_s
        self._due_s = monotonic() + interval_s

    def check(self) -> None:
        """Raise CheckpointError at once where a later :meth:`save` could not write."""
        folder = self.file.absolute().parent
        if self.file.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise CheckpointError(
                f"checkpoint: got {self.file}; allowed: a file in a folder that can be written to"
            )

    def exists(self) -> bool:
        """Whether there is anything to go on from."""
        return self.file.exists() or self.previous.exists()

    def save_if_due(self, state: Callable[[], dict[str, Any]]) -> None:
        """Save what ``state`` returns if the last time is long enough ago."""
        if monotonic() >= self._due_s:
            self.save(state())

    def save(self, state: dict[str, Any]) -> None:
        """Keep a state of tensors, plain values, lists and dicts of them.

        Raises CheckpointError where the file cannot be written.
        """
        began_s = perf_counter()
        buffer = io.BytesIO()
        torch.save(state, buffer)
        try:
            if self.file.exists():
                self.file.replace(self.previous)
            write_sealed(self.file, buffer.getvalue())
        except OSError as error:
            raise CheckpointError(
                f"checkpoint: cannot write {self.file}: {error.strerror}; give a writable place"
            ) from None
        spent_s = perf_counter() - began_s
        self._due_s = monotonic() + max(self.interval_s, spent_s / LARGEST_SHARE)

    def remove(self) -> None:
        """Delete what is kept, if anything is."""
        for file in (self.file, self.previous):
            file.unlink(missing_ok=True)

    def load(self) -> dict[str, Any]:
        """The newest undamaged state. Raises CheckpointError when there is none."""
        for file in (self.file, self.previous):
            state = _read(file)
            if state is not None:
                return state
        raise CheckpointError(
            f"checkpoint: {self.file} is damaged, and nothing before it is kept; delete it "
            "to begin anew"
        )


def _read(file: Path) -> dict[str, Any] | None:
    try:
        content = read_sealed(file)
    except FileNotFoundError:
        return None
    if content is None:
        return None
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError):
        return None
    return state
