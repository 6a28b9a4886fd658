"""Tables on the terminal: numbers are never broken, ± stand below each other, text is text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

PLUS_MINUS = " ± "
NARROWEST_TEXT = 16


class TextTable:
    """A table where the terminal is wide enough, else a block of lines for every row.

    ``words`` are the columns of text, which may be wrapped; the others hold numbers, kept in one
    piece.
    """

    def __init__(
        self,
        title: str,
        header: Sequence[str],
        rows: Iterable[Sequence[str]],
        words: Collection[int] = (0,),
    ) -> None:
        self.title = title
        self.header = tuple(header)
        self.words = frozenset(words)
        self.rows = _aligned([tuple(row) for row in rows], self.words)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._needed_width() <= options.max_width:
            yield self._table()
        else:
            yield Text(self.title, style="italic")
            for row in self.rows:
                yield self._block(row)

    def _needed_width(self) -> int:
        """Columns in which no number and no word is broken, and texts are no slivers."""
        total = 1
        for index, name in enumerate(self.header):
            cells = [name, *(row[index] for row in self.rows)]
            if index in self.words:
                cells = [word for cell in cells for word in cell.split()]
            widest = max(map(len, cells), default=0)
            longest_text = max((len(row[index]) for row in self.rows), default=0)
            sliver = min(longest_text, NARROWEST_TEXT) if index in self.words else 0
            total += max(widest, sliver) + 3
        return total

    def _table(self) -> Table:
        table = Table(title=Text(self.title), title_justify="left")
        for index, name in enumerate(self.header):
            if index in self.words:
                table.add_column(Text(name), overflow="fold")
            else:
                table.add_column(Text(name), no_wrap=True)
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table

    def _block(self, row: Sequence[str]) -> Table:
        block = Table.grid(padding=(0, 2))
        block.add_column(no_wrap=True)
        block.add_column(overflow="fold")
        block.add_row(Text(row[0], style="bold"), Text(""))
        for name, cell in zip(self.header[1:], row[1:], strict=True):
            if cell:
                block.add_row(Text(f"  {name}"), Text(cell.strip()))
        return block


def _aligned(rows: list[tuple[str, ...]], words: Collection[int]) -> list[tuple[str, ...]]:
    """Number cells padded so that each column ends, or has its ±, at one place."""
    columns = list(zip(*rows, strict=True))
    for index, cells in enumerate(columns):
        if index not in words:
            errors = [cell.partition(PLUS_MINUS)[2] for cell in cells]
            width = max(map(len, errors))
            padded = [
                cell + " " * (width - len(error)) if error else cell
                for cell, error in zip(cells, errors, strict=True)
            ]
            longest = max(map(len, padded))
            columns[index] = tuple(cell.rjust(longest) for cell in padded)
    return list(zip(*columns, strict=True))
