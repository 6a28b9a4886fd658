"""``kill -9`` of anything, any number of times: the sweep ends as though nothing had happened."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.sweep.chaos import (
    SPACE,
    VICTIMS,
    check_curves,
    measured,
    run,
    torment,
)


def survives(
    folder: Path, trials: int, victims: list[str], chance: random.Random, *, per_decade: int = 200
) -> None:
    (folder / "space.yaml").write_text(
        SPACE.replace("per_decade: 200", f"per_decade: {per_decade}")
    )
    torment(folder, "tormented", trials, victims, chance)
    # More samples than it was launched with: it becomes the sweep that had them all along.
    more = ("--set", f"search.trials={trials + 2}")
    answer = run(folder, "resume", "tormented", *more)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    answer = run(folder, "launch", "space.yaml", "--name", "undisturbed", *more)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert measured(folder, "tormented") == measured(folder, "undisturbed")
    check_curves(folder, "tormented", "undisturbed")
    sweep = folder / "runs" / "tormented"
    assert not list(sweep.glob("checkpoints/*"))
    assert not (sweep / "lease.json").exists()


@pytest.mark.slow
def test_a_sweep_survives_four_strikes(tmp_path: Path) -> None:
    survives(
        tmp_path, 3, ["worker", "interrupt", "raylet", "storage"], random.Random(1), per_decade=60
    )


@pytest.mark.chaos
@pytest.mark.parametrize("seed", [1])
def test_a_sweep_survives_twenty_kills(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    victims = [*VICTIMS, *chance.choices(VICTIMS, k=16)]
    survives(tmp_path, 16, victims, chance)
