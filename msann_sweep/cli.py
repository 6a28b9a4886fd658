"""The command line. Exit codes: 0 done, 2 bad input, 1 failed sweep, 130 interrupted."""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from msann_sweep.cli_bench import bench
from msann_sweep.cli_client import is_outside, launch_from_outside, resume_from_outside
from msann_sweep.cli_operators import operators
from msann_sweep.cli_report import compare, export, report
from msann_sweep.cli_reproduce import reproduce
from msann_sweep.cli_ui import ui
from msann_sweep.config import describe, load_search_space
from msann_sweep.errors import ConfigError, MsannError, Problem
from msann_sweep.secrets import masked

if TYPE_CHECKING:
    from rich.console import Console

    from msann_sweep.report.live import LiveView, PlainView
    from msann_sweep.sweep.record import SweepDirectory
    from msann_sweep.training import Row

INTERRUPTED = 130

overrides_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY.PATH=VALUE",
    help="Override a field of the file, e.g. --set search.trials=8; may be repeated.",
)
storage_option = click.option(
    "--storage",
    default="runs",
    show_default=True,
    help="Folder or URI (s3://BUCKET/PREFIX) in which a sweep given by its name lives.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print machine-readable JSON.")
address_option = click.option(
    "--address",
    metavar="auto|HOST:PORT|ray://HOST:PORT",
    help="Run on the Ray cluster at this address, instead of the file's resources.address.",
)
sweep_argument = click.argument("sweep")
file_argument = click.argument("file", type=click.Path(path_type=Path))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="msann-sweep")
def cli() -> None:
    """Hyperparameter sweeps for multilevel neural-network training (MsANN)."""


cli.add_command(operators)
cli.add_command(report)
cli.add_command(compare)
cli.add_command(export)
cli.add_command(bench)
cli.add_command(reproduce)
cli.add_command(ui)


@cli.command()
@file_argument
@click.option("--name", help="Name of the sweep, instead of the file's.")
@address_option
@overrides_option
def launch(file: Path, name: str | None, address: str | None, overrides: tuple[str, ...]) -> None:
    """Run the sweep that FILE describes."""
    named = (*overrides, f"name={name}") if name else overrides
    named = (*named, *_at(address))
    config = load_search_space(file, named)
    if is_outside(config.resources.address):
        sys.exit(launch_from_outside(config, file, named))
    from msann_sweep.sweep.launch import launch as launch_sweep

    _watch(lambda view: launch_sweep(config, view, write_page=_write_page))


@cli.command()
@sweep_argument
@storage_option
@address_option
@overrides_option
def resume(sweep: str, storage: str, address: str | None, overrides: tuple[str, ...]) -> None:
    """Go on with SWEEP: ended trials are kept, those cut off go on from their checkpoints.

    --set changes it from now on: search.trials extends it; concurrency, resources and tracking.
    """
    if address and is_outside(address):
        sys.exit(resume_from_outside(address, sweep, storage, overrides))
    directory = _find(sweep, storage)
    from msann_sweep.sweep.resume import resume as resume_sweep

    changes = (*overrides, *_at(address))
    _watch(lambda view: resume_sweep(directory, view, changes, _write_page))


@cli.command()
@sweep_argument
@storage_option
@json_option
@click.option("--watch", is_flag=True, help="Go on saying so until the sweep has ended.")
def status(sweep: str, storage: str, as_json: bool, watch: bool) -> None:
    """Say how far SWEEP has come."""
    from rich.console import Console

    from msann_sweep.report.status import status_json, status_lines, watch_status

    if watch and as_json:
        raise click.UsageError("--watch: got --json too; allowed: one of the two")
    directory = _find(sweep, storage)
    if watch:
        watch_status(Console(highlight=False), lambda: _find(sweep, storage))
    elif as_json:
        click.echo(json.dumps(status_json(directory), indent=2))
    else:
        Console(highlight=False).print("\n".join(status_lines(directory)), soft_wrap=True)


@cli.command()
@sweep_argument
@storage_option
@json_option
def results(sweep: str, storage: str, as_json: bool) -> None:
    """Print the trials of SWEEP and compare best, worst and default."""
    from rich.console import Console

    from msann_sweep.report.results import print_results, results_json

    directory = _find(sweep, storage)
    if as_json:
        click.echo(json.dumps(results_json(directory), indent=2))
    else:
        print_results(Console(), directory)


@cli.command()
@file_argument
@overrides_option
def check(file: Path, overrides: tuple[str, ...]) -> None:
    """Print FILE resolved, the size of its space and an estimate of the total cost."""
    config = load_search_space(file, overrides)
    click.echo(config.to_yaml().rstrip())
    click.echo(f"\n{describe(config)}")


@cli.command()
@file_argument
@overrides_option
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="A hyperparameter of the trial, e.g. --param L=3; may be repeated. None: plain training.",
)
@click.option("--seed", type=click.IntRange(min=0), default=None, help="Default: search.seed.")
@click.option(
    "--checkpoint",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the trial's state in this file, and go on from it if it is there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON only.")
def train(
    file: Path,
    overrides: tuple[str, ...],
    params: tuple[str, ...],
    seed: int | None,
    checkpoint: Path | None,
    as_json: bool,
) -> None:
    """Train one trial of FILE in this process, without Ray."""
    from msann_sweep.training import train as train_trial

    config = load_search_space(file, overrides)
    trial = config.trial(_parse_params(params), config.search.seed if seed is None else seed)

    def report(row: Row) -> None:
        right = f"   accuracy {row['val_accuracy']:.4f}" if "val_accuracy" in row else ""
        click.echo(
            f"cost {row['cost']:>12,.1f}   {trial.loss.replace('mse', 'MSE')} "
            f"{row['val_mse']:.4e}{right}   {row['wall_s']:8.2f} s   level {row['level']}"
        )

    result = train_trial(trial, None if as_json else report, checkpoint)
    click.echo(json.dumps(result.to_json(), indent=None if as_json else 2))
    if result.status == "failed":
        sys.exit(1)


def _watch(run: Callable[[LiveView | PlainView], SweepDirectory]) -> None:
    """Run a sweep with the view that suits the terminal; print the comparison at its end."""
    from rich.console import Console

    from msann_sweep.report.live import LiveView, PlainView
    from msann_sweep.report.results import print_comparison

    console = Console()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    directory = run(LiveView(console) if console.is_terminal else PlainView(console))
    print_comparison(console, directory)
    _print_next_steps(console, directory)


def _at(address: str | None) -> tuple[str, ...]:
    """The override that an address stands for."""
    return (f"resources.address={json.dumps(address)}",) if address else ()


def _write_page(directory: SweepDirectory) -> Path:
    """The report's page of a sweep that has ended, without the files beside it."""
    from msann_sweep.report.loaded import LoadedSweep
    from msann_sweep.report.page import write_page

    return write_page(LoadedSweep.read(directory), pictures=False)


def _print_next_steps(console: Console, directory: SweepDirectory) -> None:
    steps = {
        f"python -m msann_sweep results {directory.address}": "all trials",
        f"python -m msann_sweep ui {directory.address}": "curves in MLflow",
        str(directory.page_file): "the report, for a browser",
    }
    for line, what in steps.items():
        console.print(f"{line:<60} # {what}", highlight=False, soft_wrap=True)


def _find(sweep: str, storage: str) -> SweepDirectory:
    from msann_sweep.sweep.record import SweepDirectory

    return SweepDirectory.find(sweep, storage)


def _parse_params(params: tuple[str, ...]) -> dict[str, Any]:
    parsed, problems = {}, []
    for param in params:
        name, separator, value = param.partition("=")
        if not separator:
            problems.append(Problem("--param", repr(param), "NAME=VALUE"))
            continue
        try:
            parsed[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            problems.append(Problem(f"--param {name}", repr(value), "a YAML value"))
    if problems:
        raise ConfigError(problems)
    return parsed


def main() -> None:
    """Run the command line; an error of ours becomes its text on stderr and an exit code."""
    warnings.showwarning = lambda message, *_, **__: click.echo(f"warning: {message}", err=True)
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; `msann-sweep resume SWEEP` goes on with a sweep", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read what we say is gone; Python would say so when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except MsannError as error:
        click.echo(masked(f"error: {error}"), err=True)
        sys.exit(error.exit_code)
