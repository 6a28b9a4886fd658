"""A sweep on images and a graph of one's own, as the tutorial has it: real files, real Ray."""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from tests.test_cli import results, run

SPACE = """\
task: {kind: images, file: waves.npy, shape: [6, 8], validation: 20, graph: rows.graphml}
space: {L: 2, prolongation: learned_graph, coarse_step: galerkin, learning_rate: 1.0e-2}
training: {optimizer: adam, batch_size: 16, budget_cost: 2000}
stopping: {target: 0.9}
search: {trials: 1, baselines: false}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a search space, and the files that it names."""
    phase = np.linspace(0, 6, 200)[:, None, None]
    waves = 0.5 + 0.5 * np.sin(phase + np.arange(48).reshape(6, 8) / 3)
    np.save(tmp_path / "waves.npy", waves)
    nx.write_graphml(nx.path_graph(48), tmp_path / "rows.graphml")
    (tmp_path / "waves.yaml").write_text(SPACE, encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_a_sweep_on_images_and_a_graph_of_ones_own(folder: Path) -> None:
    answer = run(folder, "launch", "waves.yaml")
    assert answer.returncode == 0, answer.stderr
    (trial,) = results(folder, "waves")["trials"]
    assert trial["status"] == "finished"
    assert trial["stop_reason"] == "target"
    assert trial["params"]["prolongation"] == "learned_graph"
    trained_on = json.loads((folder / "runs/waves/sweep.json").read_text())["trained_on"]
    assert trained_on["name"] == "waves"
    assert "200 images of 6 × 8 values" in trained_on["description"]


def test_files_that_do_not_fit_start_nothing(folder: Path) -> None:
    nx.write_graphml(nx.path_graph(47), folder / "rows.graphml")
    answer = run(folder, "launch", "waves.yaml")
    assert answer.returncode == 2
    assert "task.graph: got 47 vertices in rows.graphml; allowed: 48" in answer.stderr
    assert not (folder / "runs").exists()
