"""``ui``: the pages of a sweep in a browser on this machine."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from msann_sweep.config.storage import local_folder
from msann_sweep.errors import InputError
from msann_sweep.secrets import masked

if TYPE_CHECKING:
    from msann_sweep.sweep.record import SweepDirectory
    from msann_sweep.sweep.servers import Server


@click.command()
@click.argument("sweep", required=False)
@click.option(
    "--storage",
    default="runs",
    show_default=True,
    help="Folder or URI in which the sweeps live.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65533),
    default=5000,
    show_default=True,
    help="MLflow's; the sweep's report and optuna-dashboard have the two after it.",
)
@click.option(
    "--auth",
    is_flag=True,
    help="Ask for MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD; MLflow alone is served.",
)
def ui(sweep: str | None, storage: str, port: int, auth: bool) -> None:
    """Serve the pages of SWEEP on loopback, or MLflow's for every sweep under the storage."""
    from msann_sweep.sweep.record import SweepDirectory
    from msann_sweep.sweep.servers import Serving, auth_environment, credentials, mlflow_server

    directory = SweepDirectory.find(sweep, storage) if sweep else None
    login = credentials() if auth else None
    uri = _tracking_uri(directory, storage)
    servers: list[Server] = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as private:
        if "://" in uri and not uri.startswith(("http:", "https:")):
            environment = auth_environment(Path(private), *login) if login else None
            servers.append(mlflow_server(uri, port, environment))
        elif login:
            raise InputError(f"--auth: MLflow is served at {masked(uri)}, not by this machine")
        else:
            click.echo(f"MLflow: {masked(uri)} (its own server)")
        if directory and not login:
            servers += _servers_of(directory, port)
        if not servers:
            return
        try:
            with Serving(servers) as serving:
                for server in servers:
                    click.echo(f"{server.name}: {_page(server, directory)}")
                click.echo("Ctrl-C ends it.")
                serving.wait()
        except KeyboardInterrupt:
            return


def _page(server: Server, directory: SweepDirectory | None) -> str:
    """The page to begin with: of MLflow the one with the curves."""
    from msann_sweep.sweep.mlflow_connection import charts_url

    if server.name != "MLflow" or directory is None:
        return server.url
    return charts_url(server.url, directory.config().tracking.experiment)


def _tracking_uri(directory: SweepDirectory | None, storage: str) -> str:
    """Where the runs are. Raises InputError where there are none."""
    from msann_sweep.sweep.tracking import tracking_uri

    if directory:
        return tracking_uri(directory.config())
    database = local_folder(storage) / "mlflow.db"
    if not database.is_file():
        raise InputError(f"--storage: {storage} holds no mlflow.db; launch a sweep first")
    return f"sqlite:///{database.resolve()}"


def _servers_of(directory: SweepDirectory, port: int) -> list[Server]:
    """What else there is to see of a sweep: its report and its study."""
    from msann_sweep.sweep.servers import optuna_dashboard, report_server
    from msann_sweep.sweep.study_storage import study_location

    found = (
        report_server(directory.page_file, port + 1),
        optuna_dashboard(study_location(directory.config(), directory.study_file), port + 2),
    )
    return [server for server in found if server]
