"""From a trial's task to the feed that its batches are drawn from."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np
import torch
from torch import Tensor

from msann_sweep.config import MnistLabelsTask, MnistTask, Task, TrialConfig
from msann_sweep.data import Feed, ImageFeed, LabelFeed, Mnist, ObjectFeed, load_mnist
from msann_sweep.operators import LEARNED, OperatorSet, build_operators, correlation_graph

VALIDATION_SEED = 20190115
GRAPH_SAMPLES = 4000


def load_task_data(task: Task) -> Mnist | None:
    """The stored data a task needs, or None where examples are generated.

    Raises DataError when it is missing or damaged.
    """
    if isinstance(task, MnistTask | MnistLabelsTask):
        return load_mnist(task.data_dir)
    return None


def open_feed(task: Task, data: Mnist | None, order: Tensor | None, device: str) -> Feed:
    """The feed of a task, pixels in ``order``; its validation set is the same for every trial."""
    if not isinstance(task, MnistTask | MnistLabelsTask):
        return ObjectFeed(
            task.n_pixels,
            1 if task.kind == "one_object" else 2,
            task.noise,
            validation_seed=VALIDATION_SEED,
            validation_size=task.validation,
            order=order,
            device=device,
        )
    data = data or load_mnist(task.data_dir)
    validation, labels = data.validation, data.validation_labels
    if task.validation is not None and task.validation < len(validation):
        chosen = np.random.default_rng(VALIDATION_SEED).permutation(len(validation))
        validation = validation[chosen[: task.validation]]
        labels = labels[chosen[: task.validation]]
    images = ImageFeed(data.train, validation, order=order, device=device)
    if isinstance(task, MnistTask):
        return images
    return LabelFeed(images, data.train_labels, labels, task.n_outputs)


def correlation_graphs(
    task: Task, data: Mnist | None, layers: Sequence[int]
) -> dict[int, nx.Graph]:
    """The graph of the training inputs' correlations, for the input layer and its reconstruction.

    Estimated from 4,000 training examples, the same for every trial.
    """
    feed = open_feed(task, data, None, "cpu")
    generator = torch.Generator().manual_seed(VALIDATION_SEED)
    inputs, _ = feed.draw(GRAPH_SAMPLES, generator, layers[0])
    graph = correlation_graph(inputs.numpy())
    return {0: graph, len(layers) - 1: graph} if layers[-1] == layers[0] else {0: graph}


def trial_operators(trial: TrialConfig, data: Mnist | None) -> OperatorSet:
    """The operators of one trial, built here."""
    learned = trial.L > 0 and trial.prolongation == LEARNED
    graphs = correlation_graphs(trial.task, data, trial.layers) if learned else None
    strategy = trial.prolongation if trial.L > 0 else "path"
    return build_operators(trial.layers, trial.L, strategy, trial.seed, graphs, trial.kept_layers)
