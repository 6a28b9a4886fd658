"""``report``, ``compare`` and ``export``: what a person makes of recorded sweeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from msann_sweep.report.loaded import LoadedSweep
    from msann_sweep.sweep.tracking import ReportTarget

storage_option = click.option(
    "--storage",
    default="runs",
    show_default=True,
    help="Folder or URI (s3://BUCKET/PREFIX) in which a sweep given by its name lives.",
)


def _load(sweep: str, storage: str) -> LoadedSweep:
    from msann_sweep.sweep.record import SweepDirectory

    directory = SweepDirectory.find(sweep, storage)
    from msann_sweep.report.loaded import LoadedSweep

    return LoadedSweep.read(directory)


@click.command()
@click.argument("sweep")
@storage_option
@click.option("--page-only", is_flag=True, help="Leave out the PNG and CSV files beside the page.")
@click.option(
    "--to-mlflow", is_flag=True, help="Also put the files into the sweep's own run in MLflow."
)
def report(sweep: str, storage: str, page_only: bool, to_mlflow: bool) -> None:
    """Write the report of SWEEP: one HTML page that needs no network, PNG and CSV files."""
    loaded = _load(sweep, storage)
    from msann_sweep.report.page import files_beside, write_page

    target = _mlflow_run(loaded) if to_mlflow else None
    page = write_page(loaded, pictures=not page_only)
    click.echo(page)
    if target:
        target.log([page] if page_only else [page, *files_beside(page)])


def _mlflow_run(sweep: LoadedSweep) -> ReportTarget:
    from msann_sweep.sweep.tracking import ReportTarget

    return ReportTarget.of(sweep.config, sweep.state)


@click.command()
@click.argument("sweeps", nargs=-1, required=True, metavar="SWEEP SWEEP...")
@storage_option
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("comparison"),
    show_default=True,
    help="Folder for the page, its pictures and its tables.",
)
def compare(sweeps: tuple[str, ...], storage: str, folder: Path) -> None:
    """Compare sweeps of one task: tables, overlaid curves, and whether a difference is noise."""
    from rich.console import Console

    loaded = [_load(sweep, storage) for sweep in sweeps]
    from msann_sweep.report import compare_sweeps

    compare_sweeps.check_comparable(loaded)
    written = compare_sweeps.write_comparison(loaded, folder)
    console = Console(highlight=False, markup=False)
    console.print(compare_sweeps.compared_table(loaded))
    for sentence in compare_sweeps.verdicts(loaded):
        console.print(sentence)
    console.print(str(written), soft_wrap=True)


@click.command()
@click.argument("sweep")
@storage_option
@click.option(
    "--to",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE.csv|FILE.parquet",
    help="File for the trials; the curves go beside it, into FILE-curves.",
)
def export(sweep: str, storage: str, file: Path) -> None:
    """Write all trials and curves of SWEEP as CSV or Parquet."""
    from msann_sweep.report.export import check_target
    from msann_sweep.report.export import export as write

    check_target(file)
    for written in write(_load(sweep, storage), file):
        click.echo(written)
