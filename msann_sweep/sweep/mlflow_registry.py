"""The registered model: a version for every trial that was a finished sweep's best."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import LoggedModel
from mlflow.exceptions import MlflowException
from numpy.typing import NDArray

from msann_sweep.config import SweepConfig
from msann_sweep.sweep import mlflow_pages as pages
from msann_sweep.sweep.mlflow_model import save_model
from msann_sweep.sweep.mlflow_runs import MlflowRuns
from msann_sweep.sweep.record import TrialRecord


def model_name(config: SweepConfig) -> str | None:
    """Under what name the best weights are registered, if at all."""
    wanted = config.tracking.registered_model
    return config.name if wanted == "auto" else wanted


def register_model(
    runs: MlflowRuns, record: TrialRecord, weights: Path, example: NDArray[np.float32]
) -> None:
    """Log a trial's network as a model and register it; once, however often it is called.

    ``example`` (B, n_in) is shown with the model as its input.
    """
    name = model_name(runs.config)
    if name is None or _is_registered(runs, name, record.id):
        return
    model = _logged_model(runs, record)
    trial = runs.config.trial(record.assignment.params, record.assignment.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        save_model(path, weights, trial, example)
        runs.client.log_model_artifacts(model.model_id, str(path))
    runs.client.finalize_logged_model(model.model_id, "READY")
    _make_registered_model(runs.client, name)
    runs.client.create_model_version(
        name,
        # Not models:/ID, which MLflow looks up in the process's own default store.
        source=model.artifact_location,
        run_id=runs.parent(),
        tags={"trial": record.id},
        description=f"Best network of sweep {runs.config.name}: "
        f"{pages.parameters(record.assignment.params)}",
        model_id=model.model_id,
    )


def _is_registered(runs: MlflowRuns, name: str, trial_id: str) -> bool:
    versions = runs.client.search_model_versions(f"name = '{name}'")
    return any(
        (version.run_id, version.tags.get("trial")) == (runs.parent(), trial_id)
        for version in versions
    )


def _logged_model(runs: MlflowRuns, record: TrialRecord) -> LoggedModel:
    """The trial's model: that of an attempt which was cut off, or a new one."""
    found = runs.client.search_logged_models(
        [runs.experiment_id],
        filter_string=f"source_run_id = '{runs.parent()}' AND tags.trial = '{record.id}'",
    )
    if found:
        return found[0]
    return runs.client.create_logged_model(
        runs.experiment_id,
        name=f"{runs.config.name}-{record.id}".replace(".", "-"),
        source_run_id=runs.parent(),
        tags={"trial": record.id},
    )


def _make_registered_model(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(
            name, description="Networks that were the best of a sweep of MsANN."
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
