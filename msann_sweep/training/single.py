"""One trial in this process, from its configuration to its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch

from msann_sweep.config import TrialConfig
from msann_sweep.training.checkpoint import CheckpointFile
from msann_sweep.training.result import Row, TrialResult
from msann_sweep.training.trainer import Trainer


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use ``count`` threads inside the block; after it, its precision is as before."""
    before, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_float32_matmul_precision(precision)


def train(
    trial_config: TrialConfig,
    report: Callable[[Row], None] | None = None,
    checkpoint: Path | None = None,
) -> TrialResult:
    """Run one trial in this process, calling ``report`` with every evaluation's row.

    With ``checkpoint``, a file, the trial goes on from what is kept there, if anything is, and
    its state is kept there every ten seconds.

    A seed gives the same result bit for bit on the same machine and thread count (but for the
    seconds). A validation MSE that is no longer finite ends it with status "failed".
    Raises DataError or ResourceError where its data or device are not to be had, CheckpointError
    where the file is another trial's or damaged.
    """
    keeper = CheckpointFile(checkpoint) if checkpoint else None
    if keeper:
        keeper.check()
    with threads(trial_config.threads):
        trainer = Trainer(trial_config)
        if keeper and keeper.exists():
            trainer.load_state_dict(keeper.load())
        after_batch = partial(keeper.save_if_due, trainer.state_dict) if keeper else None
        for row in trainer.rows(after_batch):
            if report is not None:
                report(row)
        if keeper:
            keeper.save(trainer.state_dict())
        return trainer.result()
