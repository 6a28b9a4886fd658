"""Tables 1 to 3 of the paper, our figures beside its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from msann_sweep.reproduce.experiments import Budget
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.summary import Comparison, compare, rank_by_cost, rank_by_final_mse

COST, FINAL, GAIN = "cost to 1/10 MSE", "final MSE", "default / best"
COLUMNS = ("best", "worst", "default")


class Point(NamedTuple):
    """A place in the paper's grid: γ, L and k."""

    gamma: int
    L: int
    k: int

    def __str__(self) -> str:
        return f"{self.gamma}, {self.L}, {self.k}"


@dataclass(frozen=True)
class Published:
    """What the paper states: best, worst and default of each measure, and where its best lies.

    None stands for the paper's N/A: 1/10 was not reached. ``prolongation`` is the P of this part.
    """

    part: str
    prolongation: str
    final_mse: tuple[float, float, float]
    final_best_at: Point
    cost: tuple[float, float | None, float | None]
    cost_best_at: Point


class Line(NamedTuple):
    """One figure of the paper's and ours.

    ``ours`` is None where it was not measured; where ``beyond`` it is only known to exceed
    ``ours``. ``ratio`` is ours over the paper's, as far as both are known.
    """

    part: str
    measure: str
    column: str
    paper: float | None
    ours: float | None
    beyond: bool
    ratio: float | None
    paper_at: str
    ours_at: str


TABLES: dict[str, tuple[Published, ...]] = {
    "table1": (
        Published(
            part="one object",
            prolongation="path",
            final_mse=(6.612e-4, 4.431e-3, 3.654e-3),
            final_best_at=Point(3, 5, 4),
            cost=(7.342e3, 1.640e5, 1.266e5),
            cost_best_at=Point(3, 6, 4),
        ),
    ),
    "table2": (
        Published(
            part="two objects",
            prolongation="path",
            final_mse=(2.576e-3, 8.998e-3, 8.816e-3),
            final_best_at=Point(3, 6, 2),
            cost=(2.433e4, 2.623e5, 2.216e5),
            cost_best_at=Point(3, 6, 16),
        ),
    ),
    "table3": (
        Published(
            part="MNIST, path",
            prolongation="path",
            final_mse=(1.547e-2, 4.605e-2, 4.171e-2),
            final_best_at=Point(3, 4, 8),
            cost=(7.207e4, None, None),
            cost_best_at=Point(3, 5, 32),
        ),
        Published(
            part="MNIST, grid",
            prolongation="grid",
            final_mse=(1.436e-2, 4.620e-2, 4.132e-2),
            final_best_at=Point(3, 4, 2),
            cost=(5.095e4, None, None),
            cost_best_at=Point(3, 6, 128),
        ),
    ),
}


def table_lines(
    published: Collection[Published], records: Collection[TrialRecord], budget: Budget
) -> list[Line]:
    """Every figure of a table, from the trials of its sweep."""
    lines: list[Line] = []
    for part in published:
        own = [
            record for record in records if record_prolongation(record) in (part.prolongation, None)
        ]
        lines += _cost_lines(part, own)
        if budget == "paper":
            lines += _final_lines(part, own)
    return lines


def record_prolongation(record: TrialRecord) -> str | None:
    """A trial's P; None for plain training, which belongs to every part."""
    params = record.assignment.params
    return str(params["prolongation"]) if params.get("L", 0) > 0 else None


def point(record: TrialRecord | None) -> Point | None:
    """Where a multilevel trial lies in the grid."""
    params = record.assignment.params if record else {}
    return Point(params["gamma"], params["L"], params["k"]) if params.get("L", 0) > 0 else None


def _cost_lines(part: Published, records: Collection[TrialRecord]) -> Iterator[Line]:
    compared = compare(records, rank_by_cost)
    for column, paper in zip(COLUMNS, part.cost, strict=True):
        record: TrialRecord | None = getattr(compared, column)
        at = str(part.cost_best_at) if column == "best" else ""
        yield _cost_line(part.part, column, paper, record, at)
    same = [record for record in records if point(record) == part.cost_best_at]
    column = f"at the paper's best, {part.cost_best_at}"
    yield _cost_line(part.part, column, part.cost[0], same[0] if same else None, "")
    yield _gain_line(part, compared)


def _cost_line(
    part: str, column: str, paper: float | None, record: TrialRecord | None, paper_at: str
) -> Line:
    result = record.result if record else None
    ours, beyond = None, False
    if result is not None:
        beyond = result.cost_to_tenth is None
        ours = result.cost if result.cost_to_tenth is None else result.cost_to_tenth
    ratio = ours / paper if ours is not None and paper is not None and not beyond else None
    return Line(part, COST, column, paper, ours, beyond, ratio, paper_at, str(point(record) or ""))


def _gain_line(part: Published, compared: Comparison) -> Line:
    best, _, default = part.cost
    paper = None if default is None else default / best
    ours, beyond = None, False
    if compared.best and compared.best.result and compared.default and compared.default.result:
        cost, plain = compared.best.result.cost_to_tenth, compared.default.result
        beyond = plain.cost_to_tenth is None
        ours = (plain.cost_to_tenth or plain.cost) / cost if cost else None
    known = ours is not None and paper is not None and not beyond
    ratio = ours / paper if known and ours and paper else None
    return Line(part.part, COST, GAIN, paper, ours, beyond, ratio, "", "")


def _final_lines(part: Published, records: Collection[TrialRecord]) -> Iterator[Line]:
    compared = compare(records, rank_by_final_mse)
    for column, paper in zip(COLUMNS, part.final_mse, strict=True):
        record: TrialRecord | None = getattr(compared, column)
        ours = record.result.final_mse if record and record.result else None
        ratio = None if ours is None else ours / paper
        at = str(part.final_best_at) if column == "best" else ""
        ours_at = str(point(record) or "")
        yield Line(part.part, FINAL, column, paper, ours, False, ratio, at, ours_at)
