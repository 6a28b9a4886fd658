"""Every error a user can cause: each says where, what was given and what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class MsannError(Exception):
    """Base of all errors of this package; the command line prints its text, never a traceback.

    ``exit_code`` is what the command line exits with: 2 for bad input (nothing was started),
    1 for a run that failed.
    """

    exit_code = 1


class InputError(MsannError):
    """Something the user gave cannot be used; nothing was started."""

    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One fault of a search-space file.

    ``where`` names the field (``space.gamma``) with ``file:line`` when the line is known,
    ``given`` the value found and ``allowed`` what would be accepted.
    """

    where: str
    given: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.where}: got {self.given}; allowed: {self.allowed}"


class ConfigError(InputError):
    """A search-space file or an override is wrong; ``problems`` holds all faults at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DataError(InputError):
    """A data set is missing, damaged, or not the one it should be."""


class OperatorError(InputError):
    """Prolongation operators cannot be built from what was given."""


class StorageError(InputError):
    """A sweep's directory cannot be used: it exists already, is no sweep, or is not writable."""


class TrackingError(InputError):
    """The MLflow tracking server or database cannot be reached."""


class CheckpointError(InputError):
    """A checkpoint is damaged, another trial's, or cannot be written."""


class ResourceError(InputError):
    """The cluster does not have what the file asks for."""


class SweepError(MsannError):
    """A sweep ran and failed."""


class ServerError(MsannError):
    """A server does not answer or refuses what it is given, or has ended by itself."""
