"""Data and operators of a trial, and what the configuration says of the strategies there are."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import networkx as nx
import numpy as np
import pytest

from msann_sweep.config import ImagesTask, load_search_space
from msann_sweep.config.hyperparameters import AGGREGATIONS, Prolongation
from msann_sweep.operators import LEARNED, STRATEGIES, build_operators
from msann_sweep.operators.strategies import grid_shape
from msann_sweep.training import load_task_data
from msann_sweep.training.task import trial_operators
from msann_sweep.training.trainer import Trainer


def test_the_configuration_names_every_strategy() -> None:
    assert set(get_args(Prolongation)) == {*STRATEGIES, LEARNED}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_galerkin_steps_are_allowed_where_a_strategy_folds(strategy: str) -> None:
    folds = build_operators([64, 16], 3, strategy).folded_order(0) is not None
    assert folds == (strategy in AGGREGATIONS)


@pytest.mark.parametrize("shape", [(28, 28), (64, 8), (8, 64), (5, 3), (1, 9), (33, 16)])
def test_own_images_are_padded_to_the_grid_that_strategies_halve(shape: tuple[int, int]) -> None:
    task = ImagesTask(file=Path("images.npy"), shape=shape)
    assert task.padded_shape == grid_shape(task.n_pixels)
    assert all(after >= before for after, before in zip(task.padded_shape, shape, strict=True))


def test_own_vectors_are_padded_to_a_power_of_two() -> None:
    assert ImagesTask(file=Path("vectors.npy"), shape=(100,)).padded_shape == (128,)


def test_a_trial_on_own_images(tmp_path: Path) -> None:
    ramps = np.add.outer(np.arange(200), np.arange(60)).reshape(200, 6, 10) % 100 / 100
    np.save(tmp_path / "ramps.npy", ramps)
    file = tmp_path / "ramps.yaml"
    file.write_text(
        f"task: {{kind: images, file: {tmp_path / 'ramps.npy'}, shape: [6, 10], validation: 30}}\n"
        "training: {optimizer: adam, batch_size: 16, budget_cost: 4000}\n"
    )
    config = load_search_space(file)
    assert config.network.layers == (256, 64, 32, 64, 256)
    params = {"L": 2, "prolongation": "grid", "coarse_step": "galerkin", "learning_rate": 0.01}
    trainer = Trainer(config.trial(params), data=load_task_data(config.task))
    rows = list(trainer.rows())
    assert trainer.feed.n_pixels == 256
    assert sum(len(inputs) for inputs, _ in trainer.feed.validation(100)) == 30
    assert rows[-1]["val_mse"] < rows[0]["val_mse"] / 2


def test_own_images_are_aggregated_along_a_graph_of_ones_own(tmp_path: Path) -> None:
    np.save(tmp_path / "noise.npy", np.random.default_rng(0).random((50, 16)))
    far_apart = nx.Graph((str(i), str(i + 8)) for i in range(8))
    nx.write_graphml(far_apart, tmp_path / "pairs.graphml")
    file = tmp_path / "noise.yaml"
    file.write_text(
        f"task: {{kind: images, file: {tmp_path / 'noise.npy'}, shape: [16], "
        f"graph: {tmp_path / 'pairs.graphml'}}}\n"
    )
    trial = load_search_space(file).trial({"L": 1, "prolongation": "learned_graph"})
    operators = trial_operators(trial, None)
    for layer in (0, len(trial.layers) - 1):
        P = operators.to_finest(layer, 1).matrix()
        assert np.array_equal(P[:8], P[8:])
