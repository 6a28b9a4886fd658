"""Sweeps side by side, judged by their seeds."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from msann_sweep.errors import ConfigError, InputError
from msann_sweep.report.bootstrap import cost_to_target, judge
from msann_sweep.report.compare_sweeps import check_comparable, verdicts, write_comparison
from msann_sweep.report.loaded import LoadedSweep
from msann_sweep.sweep.summary import compare_samples
from tests.report.sweeps import fill, loaded, make_sweep


def swept(
    folder: Path, name: str, seeds: int = 3, scale: float = 1.0, noise: float = 10
) -> LoadedSweep:
    config, directory = make_sweep(folder, name, seeds)
    fill(config, directory, 2, lambda number, seed: scale * (500 + 100 * number + noise * seed))
    return loaded(directory)


def test_a_difference_beyond_the_noise_is_told_from_one_within(tmp_path: Path) -> None:
    first = swept(tmp_path, "first")
    better = verdicts([first, swept(tmp_path, "better", scale=0.5)])
    assert "cost to target: first's best has 2 times that of better" in better[0]
    assert better[0].endswith("better is better beyond the noise.")
    same = verdicts([first, swept(tmp_path, "same", scale=1.002)])
    assert same[0].endswith("the difference does not exceed the noise.")
    equal = verdicts([first, swept(tmp_path, "equal")])
    assert "cost to target: first's best has as much as equal's (95 % interval" in equal[0]
    worse = verdicts([first, swept(tmp_path, "worse", scale=2.0)])
    assert worse[0].endswith("first is better beyond the noise.")


def test_one_seed_cannot_tell(tmp_path: Path) -> None:
    sweeps = [swept(tmp_path, name, seeds=1, scale=s) for name, s in (("a", 1.0), ("b", 0.5))]
    assert "whether beyond the noise cannot be told from one seed" in verdicts(sweeps)[0]


def test_seeds_that_did_not_arrive_are_not_taken_for_measured(tmp_path: Path) -> None:
    (first, second) = (swept(tmp_path, name) for name in ("a", "b"))
    best = compare_samples(second.records).best
    ours = compare_samples(first.records).best
    assert best
    assert ours
    judged = judge(ours, best, lambda r: None if r.seed == 1 else cost_to_target(r))
    assert judged.ratio is None
    assert judged.unknown == "1 of 3 seeds of t0000 did not arrive"


def test_the_interval_is_reproducible_and_holds_the_ratio(tmp_path: Path) -> None:
    samples = [
        compare_samples(swept(tmp_path, name, noise=noise).records).best
        for name, noise in (("a", 30), ("b", 60))
    ]
    first, second = samples
    assert first
    assert second
    found = judge(first, second, cost_to_target)
    assert found == judge(first, second, cost_to_target)
    assert found.low is not None
    assert found.high is not None
    assert found.ratio is not None
    assert found.low < found.ratio < found.high


def test_sweeps_of_other_tasks_are_refused_with_all_differences(tmp_path: Path) -> None:
    first = swept(tmp_path, "first", seeds=1)
    config = first.config
    task = config.task.model_copy(update={"n": 8, "noise": 0.2})
    other = LoadedSweep(
        first.directory,
        config.model_copy(update={"task": task, "name": "other"}),
        first.state,
        first.records,
    )
    other.state.name = "other"
    with pytest.raises(InputError, match="sweeps of different names"):
        check_comparable([first, other])
    second = swept(tmp_path, "second", seeds=1)
    with pytest.raises(ConfigError) as refused:
        check_comparable([second, other])
    assert str(refused.value).splitlines() == [
        "other: task.n: got 8; allowed: 6, as second has it",
        "other: task.noise: got 0.2; allowed: 0.05, as second has it",
    ]
    with pytest.raises(InputError, match="two or more"):
        check_comparable([first])


def test_the_page_has_the_table_and_both_charts(tmp_path: Path) -> None:
    sweeps = [swept(tmp_path, "first"), swept(tmp_path, "second", scale=0.5)]
    page = write_comparison(sweeps, tmp_path / "out").read_text(encoding="utf-8")
    assert 'id="chart-curves-cost-1"' in page
    assert 'id="chart-curves-seconds-1"' in page
    with (tmp_path / "out/comparison.csv").open() as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[1:]] == [
        f"{name}: {role}"
        for name in ("first", "second")
        for role in ("best MsANN", "tuned default", "default")
    ]
    assert {file.suffix for file in (tmp_path / "out").iterdir()} == {".html", ".png", ".csv"}
