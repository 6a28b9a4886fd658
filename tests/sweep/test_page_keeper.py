"""The report's page while a sweep runs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from msann_sweep.sweep.page_keeper import PageKeeper, write_last_page
from msann_sweep.sweep.record import SweepDirectory
from tests.report.sweeps import fill, make_sweep


@pytest.mark.slow
def test_the_page_is_rewritten_in_a_small_share_of_the_time(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path)
    fill(config, directory, n_samples=1)
    logged: list[Path] = []
    keeper = PageKeeper(logged.append, first_s=0.0)
    keeper.opened(config, directory, 27)
    (*_, record) = directory.trials().values()
    began = time.monotonic()
    while not logged:
        assert time.monotonic() - began < 300
        keeper.trial_ended(record)
        time.sleep(0.05)
    assert logged == [directory.page_file]
    assert directory.page_file.is_file()
    # What comes within 19 times that long is too early for another page.
    for _ in range(3):
        keeper.trial_advanced(record, [])
    assert keeper.pages == 1
    keeper.closed()


def test_a_sweep_that_is_over_early_starts_no_process(tmp_path: Path) -> None:
    config, directory = make_sweep(tmp_path)
    keeper = PageKeeper(lambda _: pytest.fail("no page was written"))
    keeper.opened(config, directory, 27)
    fill(config, directory, n_samples=1)
    for record in directory.trials().values():
        keeper.trial_ended(record)
    keeper.closed()
    assert not directory.page_file.exists()


def test_a_page_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    _, directory = make_sweep(tmp_path)

    def fail(_: SweepDirectory) -> Path:
        raise RuntimeError("no ink")

    assert write_last_page(fail, directory, "finished") is None


def test_an_interrupted_sweep_rewrites_only_a_page_that_is_there(tmp_path: Path) -> None:
    _, directory = make_sweep(tmp_path)

    def write(written: SweepDirectory) -> Path:
        written.page_file.write_text("new")
        return written.page_file

    assert write_last_page(write, directory, "interrupted") is None
    directory.page_file.parent.mkdir()
    directory.page_file.write_text("old")
    assert write_last_page(write, directory, "interrupted") == directory.page_file
