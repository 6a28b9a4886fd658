"""From a trial's task to the feed that its batches are drawn from."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from msann_sweep.config import MnistTask, Task
from msann_sweep.data import Feed, ImageFeed, Mnist, ObjectFeed, load_mnist

VALIDATION_SEED = 20190115


def load_task_data(task: Task) -> Mnist | None:
    """The stored data a task needs, or None where examples are generated.

    Raises DataError when it is missing or damaged.
    """
    return load_mnist(task.data_dir) if isinstance(task, MnistTask) else None


def open_feed(task: Task, data: Mnist | None, order: Tensor | None, device: str) -> Feed:
    """The feed of a task, pixels in ``order``; its validation set is the same for every trial."""
    if not isinstance(task, MnistTask):
        return ObjectFeed(
            task.n_pixels,
            1 if task.kind == "one_object" else 2,
            task.noise,
            validation_seed=VALIDATION_SEED,
            order=order,
            device=device,
        )
    data = data or load_mnist(task.data_dir)
    validation = data.validation
    if task.validation is not None and task.validation < len(validation):
        rng = np.random.default_rng(VALIDATION_SEED)
        validation = validation[rng.permutation(len(validation))[: task.validation]]
    return ImageFeed(data.train, validation, order=order, device=device)
