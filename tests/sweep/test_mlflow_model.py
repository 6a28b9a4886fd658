"""The registered model gives the outputs of the network that was trained."""

from __future__ import annotations

from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pytest
import torch

from msann_sweep.config import load_search_space
from msann_sweep.sweep.mlflow_registry import model_name
from msann_sweep.training import Trainer
from msann_sweep.training.network import predict
from tests.sweep.tracked import Recorded, rows

EXAMPLE = np.random.default_rng(1).random((3, 64), dtype=np.float32)


def weights_of(sweep: Recorded, trial_id: str) -> Path:
    """The weights of a trial of a few steps, where a trial leaves them."""
    trial = sweep.config.trial({"L": 2, "gamma": 1}).model_copy(update={"budget_cost": 200.0})
    trainer = Trainer(trial)
    list(trainer.rows())
    file = sweep.directory.weights_file(trial_id)
    torch.save(trainer.weights(), file)
    return file


def test_the_best_network_loads_from_the_registry(
    sweep: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = weights_of(sweep, "t0000")
    tracker = sweep.tracker()
    sweep.trial(tracker, "t0000", rows(20))
    tracker.log_model(sweep.records["t0000"], file, EXAMPLE)
    sweep.close(tracker)
    assert tracker.lost is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{sweep.config.storage}/mlflow.db")
    model = mlflow.pyfunc.load_model("models:/recorded/1")
    state = torch.load(file, weights_only=True)
    flat = torch.cat(
        [part.reshape(-1) for j in (0, 2) for part in (state[f"{j}.weight"].T, state[f"{j}.bias"])]
    )
    expected = predict(flat, sweep.config.network.layers, torch.from_numpy(EXAMPLE)).numpy()
    np.testing.assert_array_equal(model.predict(EXAMPLE), expected)
    assert model.metadata.signature.inputs.inputs[0].shape == (-1, 64)
    assert model.metadata.signature.outputs.inputs[0].shape == (-1, 64)
    np.testing.assert_allclose(model.input_example, EXAMPLE)


def test_a_best_is_registered_once_and_a_new_one_as_the_next_version(sweep: Recorded) -> None:
    for trial_id in ("t0000", "t0000", "t0001"):
        tracker = sweep.tracker()
        if trial_id not in sweep.records:
            sweep.trial(tracker, trial_id, rows(20))
        file = weights_of(sweep, trial_id)
        tracker.log_model(sweep.records[trial_id], file, EXAMPLE)
        sweep.close(tracker)
        assert tracker.lost is None
    versions = sweep.client().search_model_versions("name = 'recorded'")
    assert {version.version: version.tags["trial"] for version in versions} == {
        1: "t0000",
        2: "t0001",
    }


@pytest.mark.parametrize(
    ("override", "name"), [("auto", "recorded"), ("mine", "mine"), ("null", None)]
)
def test_the_models_name(sweep: Recorded, override: str, name: str | None) -> None:
    config = load_search_space(
        sweep.directory.config_file, [f"tracking.registered_model={override}"]
    )
    assert model_name(config) == name
