"""``reproduce``: the paper's tables and figures, ours beside its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from msann_sweep.errors import InputError
from msann_sweep.reproduce import ARTEFACTS

if TYPE_CHECKING:
    from rich.table import Table

    from msann_sweep.config import SweepConfig
    from msann_sweep.reproduce.experiments import Budget, Experiment


@click.command()
@click.argument("artefact", type=click.Choice(ARTEFACTS))
@click.option(
    "--budget",
    type=click.Choice(["small", "paper"]),
    default="small",
    show_default=True,
    help="small: part of the grid, minutes on two cores; paper: all of it, for a cluster.",
)
@click.option("--storage", default="runs", show_default=True, help="Folder or URI for its sweeps.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reproduced"),
    show_default=True,
    help="Folder for tables (CSV) and pictures (PNG).",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY.PATH=VALUE",
    help="Override a field of the sweeps, e.g. --set resources.address=HOST:PORT.",
)
def reproduce(
    artefact: str, budget: Budget, storage: str, out: Path, overrides: tuple[str, ...]
) -> None:
    """Run what ARTEFACT of the paper needs and print it beside the paper's own.

    A sweep that is kept under the storage is not run again; one cut off goes on.
    """
    from msann_sweep.reproduce.experiments import NEEDED

    experiments = NEEDED[artefact]
    configs = [each.config(budget, storage, overrides) for each in experiments]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out: cannot make {out}: {error.strerror}") from None
    announce(artefact, budget, experiments)
    _reproduce(artefact, budget, out, configs)


def announce(artefact: str, budget: Budget, experiments: Sequence[Experiment]) -> None:
    """Say what a small budget leaves out, before it is run."""
    if not experiments:
        click.echo(f"{artefact}: no training; the budget changes nothing")
    for experiment in experiments if budget == "small" else ():
        click.echo(f"{experiment.title}, budget small, leaves out: {experiment.left_out}.")


def _reproduce(artefact: str, budget: Budget, out: Path, configs: Sequence[SweepConfig]) -> None:
    from rich.console import Console

    from msann_sweep.report.live import LiveView, PlainView
    from msann_sweep.reproduce.run import Reproduction, run_experiment

    console = Console()
    view = LiveView if console.is_terminal else PlainView
    sweeps = [run_experiment(config, lambda: view(console)) for config in configs]
    lines, files = Reproduction(artefact, budget, out, out).write(sweeps)
    if lines:
        console.print(lines_table(artefact, lines))
    for file in files:
        console.print(f"wrote {file}", highlight=False, soft_wrap=True)


def lines_table(artefact: str, lines: list[Any]) -> Table:
    """The lines of a table, or of Figure 7, for the terminal."""
    from rich.table import Table

    from msann_sweep.reproduce.wording import headings, line_cells

    title = f"{artefact}: the paper's and ours"
    table = Table(title=title, title_justify="left")
    for heading in headings(lines):
        numeric = heading in ("paper", "ours", "ours / paper")
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for line in lines:
        table.add_row(*line_cells(line))
    return table
