"""Nodes that die while a trial trains on them: the sweep ends as though they never had."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.raylets import PATIENCE_S, Raylets, wait_until
from tests.sweep.chaos import check_curves, measured
from tests.sweep.test_joining import Watched, copied_package, launch

# A trial trains for seconds, so that its node dies meanwhile.
SPACE = """
task: {kind: one_object, n: 7}
network: {layers: [128, 32, 128]}
space:
  L: {int: [0, 2]}
  coarse_step: {choice: [exact, galerkin], when: {L: ">0"}}
  learning_rate: {float: [2.0e-3, 3.2e-2], log: true}
training: {optimizer: rmsprop, batch_size: 32, budget_cost: 300000, evaluations_per_decade: 60}
stopping: {on_target: continue, race_factor: null}
search: {trials: 2, baselines: false, concurrency: 1}
"""


def saving_often(folder: Path) -> Path:
    """A copy of the package whose trials keep their state every fifth of a second."""
    folder.mkdir()
    package = copied_package(folder)
    file = package / "msann_sweep/training/checkpoint.py"
    text = file.read_text()
    assert "\nINTERVAL_S = 10.0\n" in text
    file.write_text(text.replace("\nINTERVAL_S = 10.0\n", "\nINTERVAL_S = 0.2\n"))
    return package


def finish(sweep: subprocess.Popen[str]) -> None:
    """Wait for a sweep to end by itself."""
    output, errors = sweep.communicate(timeout=PATIENCE_S)
    assert sweep.returncode == 0, output + errors
    assert "Traceback" not in errors


@pytest.mark.slow
def test_a_sweep_that_loses_nodes_is_the_one_that_lost_none(tmp_path: Path) -> None:
    """Each trial's node dies once the trial has kept its state; three nodes have room for one."""
    (tmp_path / "space.yaml").write_text(SPACE)
    watched = Watched(tmp_path / "runs/bereft")
    # A dead raylet refuses to answer at once: it is found out sooner, and no slow one is.
    cluster = Raylets(RAY_health_check_period_ms="500")
    with launch(tmp_path, os.environ, "--name", "undisturbed") as undisturbed, cluster as raylets:
        raylets.head(cpus=0)
        for _ in range(3):
            raylets.add(cpus=1)
        # It has made MLflow's database, which both write to.
        wait_until((tmp_path / "runs/undisturbed").exists, undisturbed)
        # Every evaluation is told at once.
        environment = {**raylets.environment, "TUNE_RESULT_BUFFER_MIN_TIME_S": "0"}
        options = ("--address", raylets.address, "--name", "bereft")
        package = saving_often(tmp_path / "package")
        driver = launch(tmp_path, environment, *options, package=package)
        for count, trial_id in enumerate(("t0000", "t0001"), start=1):
            wait_until(lambda n=count: watched.training(n), driver)
            wait_until((watched.sweep / "checkpoints" / f"{trial_id}.ckpt").exists, driver)
            (node,) = wait_until(lambda: raylets.running("Trainable.train_buffered"), driver)
            raylets.kill(node)
        finish(driver)
        finish(undisturbed)
    assert (watched.sweep / "log.txt").read_text().count("  retried  ") == 2
    assert measured(tmp_path, "bereft") == measured(tmp_path, "undisturbed")
    check_curves(tmp_path, "bereft", "undisturbed")
