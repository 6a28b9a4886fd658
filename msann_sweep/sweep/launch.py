"""Starting a new sweep: what can be refused at once is, before Ray and torch are imported."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msann_sweep.config import SweepConfig
from msann_sweep.config.storage import local_folder
from msann_sweep.errors import StorageError
from msann_sweep.sweep.answering import check_answers
from msann_sweep.sweep.record import SweepDirectory, name_taken
from msann_sweep.sweep.stored import kept_at

if TYPE_CHECKING:
    from ray import tune

    from msann_sweep.sweep.page_keeper import PageWriter
    from msann_sweep.sweep.recorder import View


def launch(
    config: SweepConfig,
    view: View,
    trainable: type[tune.Trainable] | None = None,
    write_page: PageWriter | None = None,
) -> SweepDirectory:
    """Run a new sweep to its end; ``write_page`` writes its page then.

    Benchmarks put a simulated ``trainable`` in the place of the trials that train.

    Everything that can be wrong is looked at before anything is made. Raises InputError (bad data,
    storage, tracking, resources), SweepError when all trials failed, KeyboardInterrupt when
    interrupted: the sweep can then be resumed.
    """
    with kept_at(config.storage, config.name, new=True):
        check_storage(config)
        if config.resources.address:
            check_answers(config.resources.address)
        from msann_sweep.sweep.sweep_run import run_new

        return run_new(config, view, trainable, write_page)


def check_storage(config: SweepConfig) -> None:
    """Raise StorageError where the sweep could not be kept; makes nothing."""
    path = local_folder(config.storage) / config.name
    if path.exists():
        raise name_taken(config, path)
    existing = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise StorageError(f"storage: {existing} is no folder that can be written to")
