"""The commands that make something of recorded sweeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from msann_sweep.cli import cli
from msann_sweep.errors import InputError
from tests.report.sweeps import fill, make_sweep


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """Two finished sweeps."""
    for name in ("first", "second"):
        config, directory = make_sweep(tmp_path / "runs", name)
        fill(config, directory, n_samples=3)
    return tmp_path / "runs"


def run(storage: Path, *arguments: str) -> Result:
    where = ("--storage", str(storage))
    return CliRunner().invoke(cli, [*arguments, *where], catch_exceptions=False)


def test_report_prints_the_page(storage: Path) -> None:
    answer = run(storage, "report", "first", "--page-only")
    page = Path(answer.output.strip())
    assert page == storage / "first/report/index.html"
    assert [file.name for file in page.parent.iterdir()] == ["index.html"]


def test_compare_prints_table_verdicts_and_page(storage: Path, tmp_path: Path) -> None:
    answer = run(storage, "compare", "first", "second", "--to", str(tmp_path / "out"))
    assert "first: best MsANN" in answer.output
    assert "cannot be told from one seed" in " ".join(answer.output.split())
    assert (tmp_path / "out/index.html").is_file()


def test_export_prints_both_files(storage: Path, tmp_path: Path) -> None:
    answer = run(storage, "export", "second", "--to", str(tmp_path / "second.csv"))
    files = [Path(line) for line in answer.output.split()]
    assert files == [tmp_path / "second.csv", tmp_path / "second-curves.csv"]
    assert all(file.is_file() for file in files)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("report", "third"), r"'third': no such sweep; known under .*: first, second"),
        (("compare", "first"), "got first; allowed: two or more"),
        (("compare", "first", "first"), "sweeps of different names"),
        (("export", "first", "--to", "first.xls"), "ends in .csv or .parquet"),
    ],
)
def test_bad_input_writes_nothing(storage: Path, arguments: tuple[str, ...], message: str) -> None:
    before = sorted(storage.rglob("*"))
    with pytest.raises(InputError, match=message):
        run(storage, *arguments)
    assert sorted(storage.rglob("*")) == before


def test_status_is_watched_or_printed_as_json(storage: Path) -> None:
    answer = run(storage, "status", "first", "--watch", "--json")
    assert answer.exit_code == 2
    assert "--watch: got --json too" in answer.output
    assert "sweep first: finished" in run(storage, "status", "first", "--watch").output
