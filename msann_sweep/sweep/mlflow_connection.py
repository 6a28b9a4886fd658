"""Reaching MLflow: its settings, the experiment, and what its errors mean."""

from __future__ import annotations

import logging
import os
from urllib.parse import unquote, urlsplit

from msann_sweep.config import SweepConfig
from msann_sweep.config.storage import artifact_location
from msann_sweep.errors import TrackingError
from msann_sweep.secrets import MASK, masked, without_mask
from msann_sweep.sweep import mlflow_pages as pages

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# The outbox tries again by itself; MLflow's own minutes of retries would only hide an outage.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

NAME, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
# What MLflow says of a request that is wrong, and stays so however often it is made.
FINAL_CODES = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "INVALID_STATE", "BAD_REQUEST")


def reason_of(error: Exception) -> str:
    """An error of MLflow's, or of what lies under it, in a few words and without passwords."""
    lines = str(error).splitlines() or [type(error).__name__]
    # What HTTP libraries wrap around the cause names the whole URI.
    return masked(lines[0]).rsplit(": ", 1)[-1].strip("\"')")


def is_final(error: Exception) -> bool:
    """Whether an error says that the request itself is wrong."""
    return isinstance(error, MlflowException) and error.error_code in FINAL_CODES


def connect(config: SweepConfig, uri: str) -> tuple[MlflowClient, str]:
    """A client of the server or database (made if need be), and the experiment's id.

    Raises TrackingError when it cannot be reached.
    """
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    usable = _usable(uri)
    try:
        client = MlflowClient(tracking_uri=usable, registry_uri=usable)
        return client, _experiment(client, config)
    except Exception as error:  # MLflow raises whatever its back-ends raise
        raise TrackingError(
            f"tracking.uri: cannot reach {masked(uri)}: {reason_of(error)}; start the server, "
            "or leave tracking.uri null for a database under storage"
        ) from None


def charts_url(server: str, experiment: str) -> str:
    """The page of a running server's that shows the curves of an experiment's sweeps.

    Its front page where the experiment cannot be found.
    """
    try:
        found = MlflowClient(server).get_experiment_by_name(experiment)
    except MlflowException:
        found = None
    return server + (pages.charts_page(found.experiment_id) if found else "")


def _usable(uri: str) -> str:
    """The URI without name and password, which MLflow's HTTP client takes from the environment.

    With them in it, MLflow would show them wherever it names its server. Databases have theirs in
    the URI, or, where the file masks it, in a variable of their own. Raises TrackingError where the
    file masks a password that is not in the environment.
    """
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        return without_mask(uri)
    if parts.password == MASK:
        if not (os.environ.get(NAME) and os.environ.get(PASSWORD)):
            raise TrackingError(
                f"tracking.uri: the password of {uri} is not kept; set {NAME} and {PASSWORD}, or "
                "give the whole URI by --set tracking.uri=..."
            )
    elif parts.password:
        os.environ[NAME], os.environ[PASSWORD] = (
            unquote(parts.username or ""),
            unquote(parts.password),
        )
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _experiment(client: MlflowClient, config: SweepConfig) -> str:
    """The experiment's id; made, and told how its page is to open, where it does not exist."""
    found = client.get_experiment_by_name(config.tracking.experiment)
    tags = found.tags if found else {}
    if found:
        experiment_id = str(found.experiment_id)
    else:
        location = config.tracking.artifact_location
        if location is None and config.tracking.uri is None:
            location = artifact_location(config.storage, config.name)
        experiment_id = client.create_experiment(
            config.tracking.experiment, artifact_location=location
        )
    for name, value in pages.experiment_tags(experiment_id).items():
        # The saved view is ours, and an earlier version's is replaced; others may be anybody's.
        if name not in tags or (name == pages.VIEW_TAG and tags[name] != value):
            client.set_experiment_tag(experiment_id, name, value)
    return experiment_id
