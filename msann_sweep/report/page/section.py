"""What a section of the page is made from, and what all sections share."""

from __future__ import annotations

import html
import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from msann_sweep.config import ImagesTask, MnistLabelsTask, MnistTask, TrialConfig
from msann_sweep.data import ImageSet, load_mnist
from msann_sweep.errors import DataError
from msann_sweep.operators import (
    LEARNED,
    OperatorCache,
    OperatorSet,
    build_operators,
    operator_key,
)
from msann_sweep.report.loaded import LoadedSweep
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.summary import Comparison, SampleComparison, compare, compare_samples
from msann_sweep.training import load_task_data

# Sets that any machine builds in a moment; others are shown where the sweep has kept them.
QUICKLY_BUILT = ("path", "grid", "grid_shuffled", "diffuse", "injection", "random")
LARGEST_BUILT_HERE = 4096


def slug(words: str) -> str:
    """Words as part of a link or of a file's name."""
    return "-".join("".join(c if c.isalnum() else " " for c in words.lower()).split())


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it, as HTML; its pictures and tables lie in files too."""

    title: str
    body: str

    @property
    def anchor(self) -> str:
        """The section's name in links."""
        return slug(self.title)


@dataclass(frozen=True)
class Context:
    """The sweep that a page shows, and the folder for files beside it (None: the page alone)."""

    sweep: LoadedSweep
    folder: Path | None = None

    def keep(self, name: str, write: Callable[[Path], object]) -> str:
        """Write a file beside the page, if files are wanted; returns its name, or nothing."""
        if self.folder is None:
            return ""
        write(self.folder / name)
        return name

    @cached_property
    def compared(self) -> Comparison:
        """Best, worst, default and tuned default."""
        return compare(self.sweep.records)

    @cached_property
    def samples(self) -> SampleComparison:
        """The same, over seeds."""
        return compare_samples(self.sweep.records)

    @cached_property
    def data(self) -> ImageSet | None:
        """The stored images that the sweep was trained on, if this machine has the same ones.

        None, too, where examples are generated. Nothing is downloaded.
        """
        task = self.sweep.config.task
        try:
            if isinstance(task, MnistTask | MnistLabelsTask):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found: ImageSet | None = load_mnist(task.data_dir, download=False)
            else:
                found = load_task_data(task)
        except DataError:
            return None
        recorded = self.sweep.state.trained_on.get("digest")
        return found if found and found.digest == recorded else None

    @property
    def data_is_here(self) -> bool:
        """Whether examples of the task can be shown."""
        stored = isinstance(self.sweep.config.task, ImagesTask | MnistTask | MnistLabelsTask)
        return not stored or self.data is not None

    def trial(self, record: TrialRecord) -> TrialConfig:
        """A trial's full configuration."""
        return self.sweep.config.trial(record.assignment.params, record.assignment.seed)

    def operators(self, trial: TrialConfig) -> OperatorSet | None:
        """A trial's operators, from the sweep's cache or built if that is quick; else None."""
        if trial.prolongation == LEARNED:
            return None
        depth = max(int(L) for L in self.sweep.config.space.values("L"))
        cache = OperatorCache(self.sweep.directory.path.parent / "operators")
        what = trial.prolongation, trial.seed, None, trial.kept_layers
        if cache.file(operator_key(trial.layers, depth, *what)).is_file() and depth >= trial.L:
            return cache.get(trial.layers, depth, *what).truncated(trial.L)
        if trial.prolongation in QUICKLY_BUILT and max(trial.layers) <= LARGEST_BUILT_HERE:
            return build_operators(trial.layers, trial.L, *what)
        return None


def note(text: str, kind: str = "note") -> str:
    """A sentence in a box of its own; ``kind`` is "note", or "bad" for what went wrong."""
    return f'<p class="{kind}">{html.escape(text)}</p>'


def paragraph(text: str) -> str:
    """Plain words."""
    return f"<p>{html.escape(text)}</p>"


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], numeric: Collection[int] = ()
) -> str:
    """A table that scrolls sideways by itself where it is wider than the screen.

    ``numeric`` columns are set flush right.
    """

    def cells(tag: str, row: Sequence[str]) -> str:
        kinds = ((' class="number"' if i in numeric else "") for i in range(len(row)))
        return "".join(
            f"<{tag}{kind}>{html.escape(cell)}</{tag}>"
            for kind, cell in zip(kinds, row, strict=True)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    head = f"<thead><tr>{cells('th', header)}</tr></thead>"
    return f'<div class="wide"><table>{head}<tbody>{body}</tbody></table></div>'


def files(*names: str) -> str:
    """Where a part of the page lies beside it, as far as it does."""
    kept = [html.escape(name) for name in names if name]
    if not kept:
        return ""
    links = ", ".join(f'<a href="{name}">{name}</a>' for name in kept)
    return f'<p class="files">Beside this page: {links}</p>'
