"""``bench``: what the product costs in seconds, measured on this machine."""

from __future__ import annotations

import json

import click


@click.group()
def bench() -> None:
    """Measure this product on this machine."""


@bench.command()
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True)
@click.option("-L", "--depth", type=click.IntRange(min=0), default=6, show_default=True)
@click.option("--strategy", default="path", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print machine-readable JSON.")
def steps(batch_size: int, depth: int, strategy: str, threads: int, as_json: bool) -> None:
    """Time a training step at every level, against plain PyTorch at the finest."""
    from rich.console import Console
    from rich.table import Table

    from msann_sweep.bench.steps import measure_steps

    layers = (1024, 256, 128, 256, 1024)
    measured = measure_steps(layers, depth, batch_size, strategy, threads)
    if as_json:
        click.echo(json.dumps(measured))
        return
    plain_s = measured["plain_fine_s"]
    exact, galerkin = ("exact, ms", "/ plain", "leaving, ms"), ("Galerkin, ms", "/ plain")
    table = Table("level", "counted cost", *exact, *galerkin)
    for row in measured["levels"]:
        exact_s, galerkin_s = row["exact_s"], row["galerkin_s"]
        cells = [f"{1e3 * exact_s:.3f}", f"{exact_s / plain_s:.2f}"]
        cells.append(f"{1e3 * row['exact_leaving_s']:.3f}")
        known = galerkin_s is not None
        cells += [f"{1e3 * galerkin_s:.3f}", f"{galerkin_s / plain_s:.2f}"] if known else ["-", "-"]
        table.add_row(str(row["level"]), f"{row['cost_share']:.4f}", *cells)
    Console().print(table)
    click.echo(
        f"plain PyTorch {1e3 * plain_s:.3f} ms; layers {list(layers)}, batch {batch_size}, "
        f"{threads} thread(s), torch {measured['torch']}"
    )


@bench.command()
@click.option(
    "--task",
    "kind",
    type=click.Choice(["one_object", "two_object", "mnist"]),
    default="one_object",
    show_default=True,
)
@click.option("--n", type=click.IntRange(8, 14), default=10, show_default=True, help="2^n pixels.")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option(
    "--budget-s",
    type=click.FloatRange(min=0, min_open=True),
    default=None,
    help="Seconds of training per trial. Default: 2.5 at n = 10, 2.5 times more per n; MNIST 4.",
)
@click.option("--json", "as_json", is_flag=True, help="Print machine-readable JSON.")
def wall(kind: str, n: int, seeds: int, budget_s: float | None, as_json: bool) -> None:
    """Train plain PyTorch and MsANN side by side, both tuned alike, and compare the seconds."""
    from rich.console import Console

    from msann_sweep.bench.wall import measure_wall, wall_task
    from msann_sweep.report.wall import wall_table

    task, default_s = wall_task(kind, n)
    measured = measure_wall(
        task, budget_s or default_s, seeds, lambda line: click.echo(line, err=True)
    )
    if as_json:
        click.echo(json.dumps(measured))
        return
    Console().print(wall_table([measured]))


@bench.command()
@click.option("--batch-size", type=click.IntRange(min=1), default=128, show_default=True)
@click.option("-L", "--depth", type=click.IntRange(min=0), default=6, show_default=True)
def gpu(batch_size: int, depth: int) -> None:
    """Check the GPU's steps against the CPU's and print the seconds of both, as JSON."""
    from msann_sweep.bench.gpu import measure_gpu

    click.echo(json.dumps(measure_gpu((1024, 256, 128, 256, 1024), depth, batch_size), indent=2))


@bench.command()
@click.option(
    "--part",
    "parts",
    type=click.Choice(["reuse", "trials", "driver", "metadata"]),
    multiple=True,
    help="What to measure; may be repeated. Default: all.",
)
@click.option("--trials", type=click.IntRange(min=1), default=None, help="Default: each part's.")
@click.option(
    "--trial-s",
    type=click.FloatRange(min=0, min_open=True),
    default=None,
    help="Seconds per trial, parts trials and driver only. Default: 1, and 300.",
)
@click.option(
    "--report-s",
    type=click.FloatRange(min=0, min_open=True),
    default=None,
    help="Seconds between a trial's reports, part driver only. Default: 5.",
)
def overhead(parts: tuple[str, ...], **given: float | None) -> None:
    """Measure what a sweep takes beyond its training; prints JSON."""
    from inspect import signature

    from msann_sweep.bench.overhead import PARTS

    measured = {}
    for name in parts or PARTS:
        click.echo(name, err=True)
        known = signature(PARTS[name]).parameters
        asked = {key: value for key, value in given.items() if value and key in known}
        measured[name] = PARTS[name](**asked)
    click.echo(json.dumps(measured, indent=2))


@bench.command()
@click.option(
    "--raylets", type=click.IntRange(min=1), multiple=True, default=(1, 2, 4, 8), show_default=True
)
@click.option(
    "--trial-s", type=click.FloatRange(min=0, min_open=True), default=2.0, show_default=True
)
@click.option("--trials", type=click.IntRange(min=2), default=10, show_default=True)
def scale(raylets: tuple[int, ...], trial_s: float, trials: int) -> None:
    """Measure trials per hour on 1, 2, 4, 8 raylets, TRIALS on each; prints JSON."""
    from msann_sweep.bench.scale import measure_scale

    measured = measure_scale(raylets, trial_s, trials, lambda line: click.echo(line, err=True))
    click.echo(json.dumps(measured, indent=2))
