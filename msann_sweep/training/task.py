"""From a trial's task to the feed that its batches are drawn from."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from msann_sweep.config import (
    ImagesTask,
    MnistLabelsTask,
    MnistTask,
    OneObjectTask,
    Task,
    TrialConfig,
    TwoObjectTask,
)
from msann_sweep.data import (
    Feed,
    ImageFeed,
    ImageSet,
    LabelFeed,
    Mnist,
    ObjectFeed,
    load_images,
    load_mnist,
)
from msann_sweep.operators import LEARNED, OperatorSet, build_operators, correlation_graph

VALIDATION_SEED = 20190115
GRAPH_SAMPLES = 4000


def load_task_data(task: Task) -> ImageSet | None:
    """The stored data a task needs, or None where examples are generated.

    Raises DataError when it is missing or damaged.
    """
    return None if isinstance(task, OneObjectTask | TwoObjectTask) else _stored(task)


def _stored(task: ImagesTask | MnistTask | MnistLabelsTask) -> ImageSet:
    if isinstance(task, ImagesTask):
        return load_images(task.file, task.shape, task.padded_shape, task.validation, task.graph)
    return load_mnist(task.data_dir)


def open_feed(task: Task, data: ImageSet | None, order: Tensor | None, device: str) -> Feed:
    """The feed of a task, pixels in ``order``; its validation set is the same for every trial."""
    if isinstance(task, OneObjectTask | TwoObjectTask):
        return ObjectFeed(
            task.n_pixels,
            1 if task.kind == "one_object" else 2,
            task.noise,
            validation_seed=VALIDATION_SEED,
            validation_size=task.validation,
            order=order,
            device=device,
        )
    data = data or _stored(task)
    rows = _validation_rows(len(data.validation), task.validation)
    images = ImageFeed(data.train, data.validation[rows], order=order, device=device)
    if isinstance(task, MnistLabelsTask) and isinstance(data, Mnist):
        return LabelFeed(images, data.train_labels, data.validation_labels[rows], task.n_outputs)
    return images


def _validation_rows(count: int, wanted: int | None) -> slice | NDArray[np.int64]:
    """Which of ``count`` validation images are used: all, or ``wanted`` drawn with a fixed seed."""
    if wanted is None or wanted >= count:
        return slice(None)
    return np.random.default_rng(VALIDATION_SEED).permutation(count)[:wanted]


def correlation_graphs(
    task: Task, data: ImageSet | None, layers: Sequence[int]
) -> dict[int, nx.Graph]:
    """The graph of the training inputs' correlations, for the input layer and its reconstruction.

    Estimated from 4,000 training examples, the same for every trial; or the graph that the data
    came with.
    """
    data = data or load_task_data(task)
    graph = data.graph if data else None
    if graph is None:
        feed = open_feed(task, data, None, "cpu")
        generator = torch.Generator().manual_seed(VALIDATION_SEED)
        inputs, _ = feed.draw(GRAPH_SAMPLES, generator, layers[0])
        graph = correlation_graph(inputs.numpy())
    return {0: graph, len(layers) - 1: graph} if layers[-1] == layers[0] else {0: graph}


def trial_operators(trial: TrialConfig, data: ImageSet | None) -> OperatorSet:
    """The operators of one trial, built here."""
    learned = trial.L > 0 and trial.prolongation == LEARNED
    graphs = correlation_graphs(trial.task, data, trial.layers) if learned else None
    strategy = trial.prolongation if trial.L > 0 else "path"
    return build_operators(trial.layers, trial.L, strategy, trial.seed, graphs, trial.kept_layers)
