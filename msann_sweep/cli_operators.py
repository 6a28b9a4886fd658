"""``operators build | show | tradeoff``: prolongation maps from the command line."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import click
import networkx as nx

from msann_sweep.errors import InputError, OperatorError

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("figures"),
    show_default=True,
    help="Folder for pictures and tables.",
)


@click.group()
def operators() -> None:
    """Build, look at and compare prolongation maps."""


@operators.command()
@click.option("--layers", default="1024,256,128,256,1024", show_default=True, help="Layer sizes.")
@click.option("-L", "--depth", type=click.IntRange(min=0), default=6, show_default=True)
@click.option("--strategy", default="path", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--graph",
    "graph_files",
    multiple=True,
    metavar="LAYER=FILE",
    help="A layer's graph (GraphML, or a weighted edge list) for learned_graph; may be repeated. "
    "Vertices named by numbers stand for the units in that order, others in the file's.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs/operators"),
    show_default=True,
    help="Folder in which operator sets are kept.",
)
def build(
    layers: str, depth: int, strategy: str, seed: int, graph_files: tuple[str, ...], cache: Path
) -> None:
    """Build an operator set, or find it in the cache."""
    from msann_sweep.operators import OperatorCache

    graphs = dict(_layer_graph(given) for given in graph_files)
    store = OperatorCache(cache)
    started_s = perf_counter()
    try:
        built = store.get(_sizes(layers), depth, strategy, seed, graphs or None)
    except OSError as error:
        raise InputError(f"--cache: cannot write to {cache}: {error.strerror}") from None
    wall_s = perf_counter() - started_s
    how = "built" if store.built else "found"
    click.echo(f"{how} {store.file(built.key)} in {wall_s:.3f} s, {built.size_bytes:,} bytes")
    for level, sizes in enumerate(built.sizes):
        click.echo(f"level {level}: {' '.join(f'{size:>6}' for size in sizes)}")


@operators.command()
@click.argument("family")
@click.argument("n", type=click.IntRange(min=1))
@click.option("--species", "names", multiple=True, help="Default: all of the family.")
@out_option
def show(family: str, n: int, names: tuple[str, ...], out: Path) -> None:
    """Draw the closed forms of FAMILY (cycle, path, grid) from N vertices; print their terms."""
    from rich.console import Console
    from rich.table import Table

    from msann_sweep.operators import closed_form, closed_form_species
    from msann_sweep.operators.closed_forms import species
    from msann_sweep.operators.lineage import grid_graph
    from msann_sweep.report.prolongation_figures import draw_maps, terms_at

    shown = names or [m for m in closed_form_species(family) if n >= species(family, m).smallest]
    maps = {name: closed_form(family, name, n) for name in shown}
    if not maps:
        raise InputError(f"{family}: got n = {n}; allowed: at least 3")
    make = {
        "cycle": nx.cycle_graph,
        "path": nx.path_graph,
        "grid": lambda side: grid_graph(side, side, periodic=True),
    }[family]
    terms = {name: terms_at(P, make(n), make(2 * n)) for name, P in maps.items()}
    table = Table()
    table.add_column("species", no_wrap=True)
    for column in next(iter(terms.values())):
        table.add_column(column, overflow="fold")
    for name, values in terms.items():
        table.add_row(name, *(f"{value:.3g}" for value in values.values()))
    Console().print(table)
    file = _folder(out) / f"{family}_{n}.png"
    draw_maps(maps, f"{family}, n = {n} to {2 * n}", file)
    click.echo(f"wrote {file}")


@operators.command()
@click.option("--sizes", default="4,8,16,32", show_default=True, help="Sizes n of the cycles.")
@click.option("--steps", type=click.IntRange(2), default=11, show_default=True, help="Values of s.")
@click.option("--iterations", type=click.IntRange(1), default=300, show_default=True)
@out_option
def tradeoff(sizes: str, steps: int, iterations: int, out: Path) -> None:
    """Trade locality against diffusion with every solver (Figure SM1), and draw Figure 2."""
    from msann_sweep.report import prolongation_figures as figures

    points = list(figures.tradeoff(_sizes(sizes), steps, iterations))
    folder = _folder(out)
    figures.write_csv(points, folder / "figureSM1.csv")
    figures.draw_tradeoff(points, folder / "figureSM1.png")
    figures.draw_transition(2, 5, iterations, folder / "figure2.png")
    for name in ("figureSM1.csv", "figureSM1.png", "figure2.png"):
        click.echo(f"wrote {folder / name}")


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"sizes: got {text!r}; allowed: whole numbers, as in 4,8,16") from None


def _folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out: cannot make {out}: {error.strerror}") from None
    return out


def _layer_graph(given: str) -> tuple[int, nx.Graph]:
    layer, separator, name = given.partition("=")
    if not separator or not layer.isdigit():
        raise InputError(f"--graph: got {given!r}; allowed: LAYER=FILE, as in 0=pixels.graphml")
    from msann_sweep.operators.graph_files import read_graph

    try:
        return int(layer), read_graph(Path(name))
    except OperatorError as error:
        raise InputError(f"--graph: {error}") from None
