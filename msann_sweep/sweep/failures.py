"""What may fail beneath a running sweep, in words: its storage and Ray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ray.exceptions import RayError
from ray.tune import TuneError

from msann_sweep.config import SweepConfig
from msann_sweep.config.storage import local_folder
from msann_sweep.errors import SweepError


def storage_failed(config: SweepConfig, reason: str) -> SweepError:
    """The error of a sweep whose record cannot be written any more."""
    return SweepError(
        f"sweep {config.name!r}: storage failed: {reason}; nothing recorded so far is lost: make "
        f"{local_folder(config.storage)} writable again (space? mounted?), then `resume` goes on"
    )


def describe_os_error(error: OSError) -> str:
    """The reason and the file, where it is known."""
    file = f"{error.filename}: " if error.filename else ""
    return f"{file}{error.strerror or error}"


@contextmanager
def in_words(config: SweepConfig) -> Iterator[None]:
    """Raise SweepError where the storage, Ray or Tune fails inside the block."""
    try:
        yield
    except (RayError, ConnectionError, TimeoutError, TuneError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise SweepError(
            f"sweep {config.name!r}: Ray failed: {lines[-1]}; `resume` goes on from here"
        ) from None
    except OSError as error:
        raise storage_failed(config, describe_os_error(error)) from None
