"""Whole trials: budgets, targets, reproducibility, failure, and the paper's figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch

from msann_sweep.config import SweepConfig, TrialConfig, load_search_space
from msann_sweep.errors import OperatorError, ResourceError
from msann_sweep.operators import build_operators
from msann_sweep.training import Row, Trainer, train

SPACE = """
task: {kind: one_object, n: 6, noise: 0.05}
training: {optimizer: rmsprop, batch_size: 16, budget_cost: 3000}
"""


@pytest.fixture
def sweep(tmp_path: Path) -> SweepConfig:
    file = tmp_path / "space.yaml"
    file.write_text(SPACE)
    return load_search_space(file)


def trial(sweep: SweepConfig, **params: Any) -> TrialConfig:
    settings = {"L": 3, "gamma": 2, "k": 2, "learning_rate": 0.01, **params}
    return sweep.trial(settings, seed=5)


@pytest.mark.parametrize("coarse_step", ["exact", "galerkin"])
@pytest.mark.parametrize("optimizer", ["tf1_rmsprop", "rmsprop", "adam", "muon"])
def test_training_lowers_the_mse(sweep: SweepConfig, coarse_step: str, optimizer: str) -> None:
    config = trial(
        sweep, coarse_step=coarse_step, optimizer=optimizer, cascade=5, learning_rate=0.02
    )
    result = train(config)
    assert result.status == "finished"
    assert result.initial_mse is not None
    assert result.best_mse is not None
    assert result.best_mse < 0.5 * result.initial_mse
    assert len(result.steps_per_level) == 4
    assert min(result.steps_per_level) > 0


@pytest.mark.parametrize(
    ("coarse_step", "prolongation"),
    [("exact", "random"), ("exact", "path"), ("galerkin", "grid_shuffled")],
)
def test_a_seed_reproduces_a_trial_bit_for_bit(
    sweep: SweepConfig, coarse_step: str, prolongation: str
) -> None:
    config = trial(sweep, coarse_step=coarse_step, prolongation=prolongation, cascade=3)
    curves: list[list[Row]] = [[], []]
    for curve in curves:
        train(config, curve.append)
    first, second = ([(row["val_mse"], row["cost"]) for row in curve] for curve in curves)
    assert first == second
    other: list[Row] = []
    train(config.model_copy(update={"seed": 6}), other.append)
    assert [row["val_mse"] for row in other] != [mse for mse, _ in first]


def test_a_graph_of_a_hidden_layer_names_its_units_otherwise_and_changes_nothing(
    sweep: SweepConfig,
) -> None:
    config = trial(sweep, coarse_step="galerkin", prolongation="learned_graph")
    curves = []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(16)
        named = nx.relabel_nodes(nx.path_graph(16), dict(enumerate(order)))
        hidden = nx.Graph()
        hidden.add_nodes_from(range(16))
        hidden.add_edges_from(named.edges)
        graphs = {0: nx.cycle_graph(64), 1: hidden}
        operators = build_operators(config.layers, 3, "learned_graph", graphs=graphs)
        curves.append([row["val_mse"] for row in Trainer(config, operators=operators).rows()])
    assert curves[0] == curves[1] == curves[2]
    assert min(curves[0]) < 0.7 * curves[0][0]


def test_operators_of_another_network_or_depth_are_refused(sweep: SweepConfig) -> None:
    config = trial(sweep)
    for layers, L in ((config.layers, 2), ((64, 16, 64), 3)):
        with pytest.raises(OperatorError, match=rf"operators: got .*L = {L}; allowed: of layers"):
            Trainer(config, operators=build_operators(layers, L, "path"))


def test_the_precision_of_a_trial_is_its_own(sweep: SweepConfig) -> None:
    before = torch.get_float32_matmul_precision()
    seen = set()
    config = trial(sweep).model_copy(update={"precision": "bf16", "budget_cost": 100.0})
    train(config, lambda _: seen.add(torch.get_float32_matmul_precision()))
    assert (seen, torch.get_float32_matmul_precision()) == ({"medium"}, before)
    assert before == "highest"


def test_evaluations_do_not_disturb_training(sweep: SweepConfig) -> None:
    config = trial(sweep, coarse_step="galerkin")
    rarely, often = (config.model_copy(update={"evaluations_per_decade": n}) for n in (2, 30))
    assert train(rarely).final_mse == train(often).final_mse


def test_rows_are_on_a_geometric_grid_of_cost(sweep: SweepConfig) -> None:
    rows: list[Row] = []
    config = trial(sweep, L=0, learning_rate=1e-6).model_copy(update={"evaluations_per_decade": 5})
    train(config, rows.append)
    costs = [row["cost"] for row in rows]
    # Steps cost 16; the first at or above each of 10^(i/5), then the end of the budget.
    assert costs == [0, 16, 32, 48, 64, 112, 160, 256, 400, 640, 1008, 1600, 2512, 3008]


def test_a_trial_stops_at_its_target_or_goes_on(sweep: SweepConfig) -> None:
    config = trial(sweep, cascade=50, learning_rate=0.03, level_lr_growth=2.0)
    easy = config.model_copy(update={"target": 0.9, "coarse_step": "galerkin"})
    stopped = train(easy)
    assert stopped.stop_reason == "target"
    assert stopped.cost_to_tenth is not None
    assert 0 < stopped.cost_to_tenth <= stopped.cost
    went_on = train(easy.model_copy(update={"on_target": "continue"}))
    assert went_on.stop_reason == "budget_cost"
    assert went_on.cost_to_tenth == stopped.cost_to_tenth
    assert went_on.cost >= 3000


def test_the_budget_in_seconds_ends_a_trial_inside_a_cycle(sweep: SweepConfig) -> None:
    config = trial(sweep, gamma=3, k=128, L=6).model_copy(
        update={"budget_s": 0.2, "budget_cost": 1e12, "target": 1e-6}
    )
    result = train(config)
    assert result.stop_reason == "budget_s"
    assert 0.2 <= result.wall_s < 1.0
    # One cycle would have been 2,185 visits of 128 steps.
    assert sum(result.steps_per_level) < 2185 * 128


def test_a_trial_whose_mse_is_not_finite_fails_with_its_reason(sweep: SweepConfig) -> None:
    trainer = Trainer(trial(sweep))
    rows = trainer.rows()
    next(rows)
    trainer.stepper.theta[0] = float("nan")
    assert list(rows) == []
    result = trainer.result()
    assert result.status == "failed"
    assert result.stop_reason == "non_finite"
    assert "became nan at cost" in str(result.message)


def test_weights_are_those_of_a_torch_network_in_pixel_order(sweep: SweepConfig) -> None:
    trainer = Trainer(trial(sweep, prolongation="grid", coarse_step="galerkin"))
    for _ in trainer.rows():
        pass
    layers: list[torch.nn.Module] = []
    for n_in, n_out in zip((64, 16, 8, 16), (16, 8, 16, 64), strict=True):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.Sigmoid()]
    network = torch.nn.Sequential(*layers)
    network.load_state_dict(trainer.weights())
    ((inputs, targets),) = trainer.feed.validation(5000)
    natural = torch.argsort(torch.from_numpy(trainer.operators.folded_order(0)))
    with torch.no_grad():
        mse = torch.nn.functional.mse_loss(network(inputs[:, natural]), targets[:, natural])
    assert mse.item() == pytest.approx(trainer.curve[-1]["val_mse"], rel=1e-5)


def test_threads_are_restored(sweep: SweepConfig) -> None:
    before = torch.get_num_threads()
    train(trial(sweep, L=0).model_copy(update={"threads": before + 1, "budget_cost": 10.0}))
    assert torch.get_num_threads() == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused(sweep: SweepConfig) -> None:
    with pytest.raises(ResourceError, match="a GPU was asked for; this machine has none"):
        train(trial(sweep).model_copy(update={"device": "cuda"}))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("params", "lowest", "highest"),
    [
        ({"L": 0}, 110_000, 160_000),
        ({"L": 6, "gamma": 3, "k": 4, "prolongation": "path", "cascade": 1}, 7_000, 13_000),
        pytest.param(
            {"L": 3, "gamma": 3, "k": 4, "prolongation": "path", "cascade": 1},
            25_000,
            42_000,
            marks=pytest.mark.long,
        ),
    ],
)
def test_the_papers_protocol(
    tmp_path: Path, params: dict[str, Any], lowest: float, highest: float
) -> None:
    file = tmp_path / "paper.yaml"
    file.write_text("task: {kind: one_object, n: 10, noise: 0.0}")
    result = train(load_search_space(file).trial({**params, "learning_rate": 5e-4}, seed=1))
    assert result.cost_to_tenth is not None
    assert lowest < result.cost_to_tenth < highest
