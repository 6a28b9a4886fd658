from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msann_sweep.config import (
    NAMES,
    ConfigError,
    OneObjectTask,
    Resources,
    Space,
    SweepConfig,
    Training,
    TrialConfig,
)


def config(space: dict[str, Any] | None = None, **sections: Any) -> SweepConfig:
    """A small sweep: 64 pixels, layers [64, 16, 8, 16, 64]."""
    sections.setdefault("task", OneObjectTask(n=6))
    return SweepConfig(name="small", space=Space.model_validate(space or {}), **sections)


def complaints(sweep: SweepConfig, params: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        sweep.trial(params)
    return {
        problem.where: f"{problem.given} | {problem.allowed}" for problem in caught.value.problems
    }


def test_defaults_are_plain_training_as_in_the_paper() -> None:
    trial = config().trial({})
    assert trial.params() == {
        "L": 0,
        "learning_rate": 5e-4,
        "batch_size": 128,
        "optimizer": "tf1_rmsprop",
    }
    assert trial.layers == (64, 16, 8, 16, 64)
    assert (trial.seed, trial.threads, trial.device) == (0, 1, "cpu")


def test_params_have_the_usual_order() -> None:
    trial = config().trial({"k": 4, "gamma": 3, "L": 2, "learning_rate": 1})
    assert tuple(trial.params()) == NAMES
    assert trial.params()["learning_rate"] == 1.0


def test_what_is_missing_comes_from_constants_then_training_then_defaults() -> None:
    sweep = config(
        {"L": 3, "learning_rate": 0.01, "optimizer": {"choice": ["rmsprop", "adam"]}},
        training=Training(optimizer="adam", learning_rate=0.02, batch_size=7, coarse_init="zero"),
    )
    trial = sweep.trial({"gamma": 2})
    assert (trial.L, trial.gamma, trial.k) == (3, 2, 1)
    assert trial.learning_rate == 0.01
    assert (trial.optimizer, trial.batch_size, trial.coarse_init) == ("adam", 7, "zero")
    assert sweep.trial({"learning_rate": 0.5}).learning_rate == 0.5


def test_multilevel_hyperparameters_are_dropped_at_level_0() -> None:
    sweep = config({"gamma": 3, "coarse_step": "galerkin"})
    plain = sweep.trial({"L": 0, "gamma": 2, "k": 8, "prolongation": "random", "cascade": 50})
    assert plain == sweep.trial({"L": 0})
    assert (plain.gamma, plain.k, plain.prolongation, plain.coarse_step) == (1, 1, "path", "exact")


@given(
    L=st.integers(1, 6), gamma=st.integers(0, 5), k=st.integers(1, 500), rate=st.floats(1e-9, 1e3)
)
def test_params_give_the_same_trial_again(L: int, gamma: int, k: int, rate: float) -> None:
    sweep = config()
    trial = sweep.trial({"L": L, "gamma": gamma, "k": k, "learning_rate": rate}, seed=5)
    assert sweep.trial(trial.params(), seed=5) == trial


def test_all_faults_of_a_sample_at_once() -> None:
    found = complaints(
        config(),
        {
            "L": 7,
            "gama": 1,
            "gamma": -1,
            "k": 0,
            "prolongation": "gird",
            "learning_rate": "fast",
            "batch_size": 2.5,
            "level_lr_growth": 0,
            "cascade": True,
            "coarse_init": None,
            "optimizer": "sgd",
            "coarse_step": float("nan"),
        },
    )
    assert len(found) == 12
    assert "0 to 6" in found["params.L"]
    assert "did you mean 'gamma'" in found["params.gama"]
    assert found["params.gamma"] == "-1 | for gamma: a whole number >= 0"
    assert "did you mean 'grid'" in found["params.prolongation"]
    assert found["params.learning_rate"] == '"fast" | for learning_rate: a number > 0'
    assert found["params.optimizer"].endswith("tf1_rmsprop, rmsprop, adam, muon")


@pytest.mark.parametrize("rate", [0, -1e-3, float("inf"), float("nan"), "1e-3"])
def test_learning_rates_are_positive_and_finite(rate: object) -> None:
    assert list(complaints(config(), {"learning_rate": rate})) == ["params.learning_rate"]


def test_galerkin_steps_need_an_aggregation() -> None:
    sample = {"L": 2, "coarse_step": "galerkin", "prolongation": "random"}
    assert "path, grid, grid_shuffled" in complaints(config(), sample)["params.coarse_step"]


def test_layers_that_cannot_be_halved_train_plainly_only() -> None:
    sweep = config({"L": 0}, network={"layers": [64, 50, 64]})
    assert sweep.trial({}).layers == (64, 50, 64)
    assert "32 or 64" in complaints(sweep, {"L": 1})["network.layers[1]"]


def test_values_outside_the_space_but_in_the_domain_are_taken() -> None:
    assert config({"L": {"int": [1, 2]}}).trial({"L": 0, "learning_rate": 9.0}).L == 0


def test_numpy_scalars_count_as_numbers() -> None:
    trial = config().trial({"L": np.int64(2), "learning_rate": np.float32(0.5)})
    assert type(trial.L) is int
    assert trial.learning_rate == 0.5


@pytest.mark.parametrize(("cpus", "threads"), [(0.5, 1), (1, 1), (1.5, 2), (4, 4)])
def test_threads_are_the_cpus_rounded_up(cpus: float, threads: int) -> None:
    assert config(resources=Resources(cpus_per_trial=cpus)).trial({}).threads == threads


def test_a_share_of_a_gpu_puts_the_trial_on_it() -> None:
    assert config(resources=Resources(gpus_per_trial=0.25)).trial({}).device == "cuda"


def test_trials_are_frozen_and_travel() -> None:
    trial = config().trial({"L": 2})
    assert pickle.loads(pickle.dumps(trial)) == trial
    assert TrialConfig.model_validate_json(trial.model_dump_json()) == trial
    with pytest.raises(ValueError, match="frozen"):
        trial.L = 3  # type: ignore[misc]  # the point of the test
