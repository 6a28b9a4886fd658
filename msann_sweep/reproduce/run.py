"""Running what a table or figure needs, once, and writing it down."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msann_sweep.config import SweepConfig
from msann_sweep.errors import StorageError
from msann_sweep.report.prolongation_figures import (
    draw_tradeoff,
    draw_transition,
    tradeoff,
    write_csv,
)
from msann_sweep.reproduce import figures
from msann_sweep.reproduce.experiments import Budget
from msann_sweep.reproduce.strategies import StrategyLine, strategy_curves, strategy_lines
from msann_sweep.reproduce.tables import (
    TABLES,
    Line,
    point,
    record_prolongation,
    table_lines,
)
from msann_sweep.sweep.launch import launch
from msann_sweep.sweep.record import SweepDirectory
from msann_sweep.sweep.recorder import View
from msann_sweep.sweep.resume import resume
from msann_sweep.sweep.stored import known_sweeps
from msann_sweep.training import Row

ITERATIONS = 300
TRADEOFF_SIZES, TRADEOFF_STEPS = (4, 8, 16, 32), 11
SPECIES_SIZES = {"cycle": (2, 4, 8, 16), "grid": (4, 8, 16)}


@dataclass
class Reproduction:
    """One table or figure at one budget: its sweeps, and where its files go.

    Tables and data are written to ``results``, pictures to ``images``; both must exist.
    """

    artefact: str
    budget: Budget
    results: Path
    images: Path

    def write(self, sweeps: Sequence[SweepDirectory]) -> tuple[list[Any], list[Path]]:
        """Make it from its finished sweeps: its lines, if it has any, and the files written."""
        files = [self._write_trials(sweep) for sweep in sweeps]
        if self.artefact in TABLES:
            lines: list[Any] = self._table(sweeps[0])
            return lines, [*files, self._write_lines(lines, Line._fields, sweeps[0])]
        image = self.images / f"{self.artefact}{f'-{self.budget}' if sweeps else ''}.png"
        if self.artefact == "figure7":
            curves = strategy_curves(sweeps[0])
            figures.draw_strategies(curves, image)
            lines = strategy_lines(curves)
            table = self._write_lines(lines, StrategyLine._fields, sweeps[0])
            return lines, [*files, table, image]
        if sweeps:
            number = self.artefact.removeprefix("figure")
            title = f"Best over k for every depth L (Figure {number})"
            figures.draw_cost_curves(cost_columns(sweeps), title, image)
            return [], [*files, image]
        return [], [*self._draw(image), image]

    def _table(self, sweep: SweepDirectory) -> list[Line]:
        return table_lines(TABLES[self.artefact], sweep.trials().values(), self.budget)

    def _write_lines(
        self, lines: Sequence[Any], fields: Sequence[str], sweep: SweepDirectory
    ) -> Path:
        file = self.results / f"{self.artefact}-{self.budget}.csv"
        write_rows(file, fields, lines, origin(sweep))
        return file

    def _write_trials(self, sweep: SweepDirectory) -> Path:
        """Every trial of a sweep, a line each, in the order of their ids."""
        file = self.results / f"{sweep.path.name}.csv"
        lines = []
        for _, record in sorted(sweep.trials().items()):
            params, result = record.assignment.params, record.result
            if result is not None:
                known = (params.get(name, "") for name in ("gamma", "L", "k", "prolongation"))
                schedule = params.get("schedule", "")
                measured = (getattr(result, name) for name in MEASURED)
                lines.append((record.id, *known, schedule, record.assignment.seed, *measured))
        write_rows(file, TRIAL_FIELDS, lines, origin(sweep))
        return file

    def _draw(self, image: Path) -> list[Path]:
        """A figure that needs no sweep; returns the tables written beside it."""
        if self.artefact == "figure2":
            draw_transition(2, 5, ITERATIONS, image)
        elif self.artefact == "figure3":
            figures.draw_species(SPECIES_SIZES, image)
        elif self.artefact == "figure4":
            figures.draw_schedules((1, 2, 3), 3, image)
        else:
            points = list(tradeoff(TRADEOFF_SIZES, TRADEOFF_STEPS, ITERATIONS))
            table = self.results / f"{self.artefact}.csv"
            write_csv(points, table)
            draw_tradeoff(points, image)
            return [table]
        return []


MEASURED = ("initial_mse", "final_mse", "cost_to_tenth", "cost", "wall_s", "stop_reason")
TRIAL_FIELDS = ("trial", "gamma", "L", "k", "prolongation", "schedule", "seed", *MEASURED)


def cost_columns(
    sweeps: Sequence[SweepDirectory],
) -> dict[str, dict[tuple[int, int], list[Row]]]:
    """The panels of Figure 5 or 6: a column a sweep, or a P where a sweep has two of them."""
    columns = {}
    for sweep in sweeps:
        records = list(sweep.trials().values())
        kinds = sorted({record_prolongation(r) for r in records} - {None}, key=str, reverse=True)
        for kind in kinds:
            own = [r for r in records if point(r) is None or record_prolongation(r) == kind]
            heading = f"{sweep.config().task.kind}, P: {kind}".replace("_", " ")
            columns[heading] = figures.best_curves(sweep, own)
    return columns


def run_experiment(config: SweepConfig, new_view: Callable[[], View]) -> SweepDirectory:
    """The finished sweep of ``config``: as it is kept, resumed, or launched.

    Raises StorageError where a sweep of that name was made from other settings, and as
    :func:`msann_sweep.sweep.launch.launch` does.
    """
    if config.name not in known_sweeps(config.storage):
        return launch(config, new_view())
    directory = SweepDirectory.find(config.name, config.storage)
    changed = changed_fields(directory.config(), config)
    if changed:
        raise StorageError(
            f"sweep {config.name!r}: {directory.path} was made with another {', '.join(changed)}; "
            "give another --storage, or remove it"
        )
    finished = directory.read_state().status == "finished"
    return directory if finished else resume(directory, new_view())


def changed_fields(kept: SweepConfig, wanted: SweepConfig) -> list[str]:
    """What differs, as section.field, of all that results depend on."""
    sections = ("task", "network", "space", "training", "stopping", "search")
    old = kept.model_dump(mode="json", include=set(sections))
    new = wanted.model_dump(mode="json", include=set(sections))
    return [
        f"{section}.{name}"
        for section in sections
        for name in {**old[section], **new[section]}
        if old[section].get(name) != new[section].get(name)
        and (section, name) not in (("search", "concurrency"), ("task", "data_dir"))
    ]


def origin(sweep: SweepDirectory) -> dict[str, str]:
    """What a sweep's figures were measured on: processor, commit, day."""
    state = sweep.read_state()
    environment = state.environment
    commit = (environment.get("commit") or "")[:7]
    day = datetime.fromisoformat(state.created).astimezone(UTC).date()
    return {
        "machine": str(environment.get("processor", "")),
        "commit": commit,
        "date": day.isoformat(),
    }


def write_rows(
    file: Path, fields: Sequence[str], rows: Iterable[Sequence[Any]], origin: dict[str, str]
) -> None:
    """A CSV file; every line ends with where and when it was measured."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow((*fields, *origin))
        for row in rows:
            writer.writerow("" if cell is None else cell for cell in (*row, *origin.values()))
