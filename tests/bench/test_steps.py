"""The timing of steps: complete, positive, and about what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from msann_sweep.bench.steps import measure_steps
from msann_sweep.errors import OperatorError
from tests.test_cli import run

LAYERS = (64, 16, 8, 16, 64)


@pytest.mark.parametrize("strategy", ["grid", "random"])
def test_every_level_is_measured(strategy: str) -> None:
    measured = measure_steps(LAYERS, 3, 8, strategy)
    assert [row["level"] for row in measured["levels"]] == [0, 1, 2, 3]
    assert measured["plain_fine_s"] > 0
    for row in measured["levels"]:
        assert row["exact_s"] > 0
        assert row["exact_leaving_s"] > 0
        assert (row["galerkin_s"] is None) == (strategy == "random")
    shares = [row["cost_share"] for row in measured["levels"]]
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)


def test_an_unknown_strategy() -> None:
    with pytest.raises(OperatorError, match="strategy: got 'none'"):
        measure_steps(LAYERS, 1, 8, "none")


@pytest.mark.slow
def test_a_coarse_galerkin_step_is_cheaper_than_a_fine_one(tmp_path: Path) -> None:
    answer = run(tmp_path, "bench", "steps", "-L", "4", "--json")
    assert answer.returncode == 0, answer.stderr
    measured = json.loads(answer.stdout)
    assert measured["batch_size"] == 32
    seconds = [row["galerkin_s"] for row in measured["levels"]]
    assert seconds[4] < seconds[2] < seconds[0]
