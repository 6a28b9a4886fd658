"""``export``: all trials and all curves of a sweep as CSV or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msann_sweep.errors import InputError, StorageError
from msann_sweep.report.loaded import LoadedSweep

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".parquet")


def check_target(file: Path) -> None:
    """Raise InputError unless the file's name ends in one of SUFFIXES."""
    if file.suffix not in SUFFIXES:
        raise InputError(f"--to: got {file}; allowed: a name that ends in {' or '.join(SUFFIXES)}")


def export(sweep: LoadedSweep, file: Path) -> tuple[Path, Path]:
    """Write the trials to ``file`` and the curves beside it, as ``NAME-curves``.

    Returns both files. Raises InputError for another kind of file, StorageError where they cannot
    be written.
    """
    check_target(file)
    curves_file = file.with_name(f"{file.stem}-curves{file.suffix}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(sweep.frame().reset_index(), file)
        _write(sweep.curves(), curves_file)
    except OSError as error:
        raise StorageError(f"--to: cannot write {file}: {error.strerror or error}") from None
    return file, curves_file


def _write(frame: pd.DataFrame, file: Path) -> None:
    if file.suffix == ".csv":
        frame.to_csv(file, index=False)
        return
    # A column of Parquet has one type, which cascade (a number, or "auto") has not.
    for name, values in frame.items():
        known = values[values.notna()]
        if len(set(map(type, known))) > 1:
            frame[name] = known.map(str).reindex(values.index)
    frame.to_parquet(file, index=False)
