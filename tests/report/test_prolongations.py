"""Prolongation maps on the report's page: what is drawn of layers of any size."""

from __future__ import annotations

import csv
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from msann_sweep.operators import build_operators
from msann_sweep.report.page import write_page
from msann_sweep.report.prolongation_figures import largest_of_blocks
from tests.report.sweeps import fill, loaded, make_sweep

PICTURE = re.compile(r'<img class="picture" src="data:image/png;base64,([^"]*)" alt="([^"]*)"')


@pytest.mark.parametrize("strategy", ["path", "grid_shuffled", "random", "product"])
@pytest.mark.parametrize("side", [1, 3, 8])
def test_a_block_is_its_entry_of_largest_absolute_value(strategy: str, side: int) -> None:
    ((operator,),) = build_operators([64], 1, strategy, seed=4).operators
    P = operator.matrix()
    blocks = largest_of_blocks(operator, side)
    assert blocks.shape == (-(-64 // side), -(-32 // side))
    for i, j in itertools.product(*map(range, blocks.shape)):
        block = P[side * i : side * (i + 1), side * j : side * (j + 1)]
        assert blocks[i, j] == pytest.approx(block.flat[np.abs(block).argmax()], abs=1e-15)


def test_the_maps_of_a_large_layer_are_shown_by_blocks_in_a_small_page(tmp_path: Path) -> None:
    layers = ["network.layers=[1024, 64, 1024]", "task.n=10"]
    config, directory = make_sweep(tmp_path, overrides=layers)
    fill(config, directory)
    page = write_page(loaded(directory)).read_text(encoding="utf-8")
    maps = {about: len(content) for content, about in PICTURE.findall(page) if "maps" in about}
    shown = "512 to 1024 units, largest of 8×8 blocks; 32 to 64 units, every entry"
    assert list(maps) == [f"Prolongation maps, {name}: {shown}" for name in ("path", "random")]
    assert max(maps.values()) < 100_000
    with (directory.path / "report" / "prolongations.csv").open() as file:
        rows = list(csv.DictReader(file))
    large = [row for row in rows if row["strategy"] == "path" and row["units"] == "512 to 1024"]
    assert [(row["fine unit"], row["coarse unit"]) for row in large] == [
        (str(fine), str(fine // 16 * 8)) for fine in range(0, 1024, 8)
    ]
    assert {(row["units of a block"], float(row["P"])) for row in large} == {("8", 1 / 2**0.5)}
    assert len([row for row in rows if row["strategy"] == "random"]) == 128 * 64 + 64 * 32
