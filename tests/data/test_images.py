from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest

from msann_sweep.data import load_images
from msann_sweep.errors import DataError

PIXELS = np.random.default_rng(5).integers(0, 256, (40, 3, 5), dtype=np.uint8)
SHAPE, PADDED = (3, 5), (8, 8)


def saved(folder: Path, images: Any, name: str = "mine.npy") -> Path:
    file = folder / name
    if name.endswith(".npz"):
        np.savez(file, **images)
    else:
        np.save(file, images)
    return file


def test_images_are_padded_around_and_split_without_loss(tmp_path: Path) -> None:
    data = load_images(saved(tmp_path, PIXELS), SHAPE, PADDED)
    assert data.train.shape == (36, 64)
    assert data.validation.shape == (4, 64)
    assert not data.train.flags.writeable
    whole = np.concatenate((data.train, data.validation)).reshape(40, 8, 8)
    assert {image[2:5, 1:6].tobytes() for image in whole} == {image.tobytes() for image in PIXELS}
    assert whole.sum(dtype=int) == PIXELS.sum(dtype=int)
    assert "40 images of 3 × 5 values" in data.description
    assert "36 are trained on, 4 validated on" in data.description


def test_the_split_is_the_same_every_time_and_the_digest_that_of_the_images(tmp_path: Path) -> None:
    file = saved(tmp_path, PIXELS)
    one, same = load_images(file, SHAPE, PADDED, 7), load_images(file, SHAPE, PADDED, 7)
    assert len(one.validation) == 7
    assert np.array_equal(one.validation, same.validation)
    assert one.digest == same.digest
    other = load_images(saved(tmp_path, 255 - PIXELS), SHAPE, PADDED, 7)
    assert other.digest != one.digest


@pytest.mark.parametrize(
    "given",
    [
        PIXELS.reshape(40, 15),
        PIXELS / 255,
        (PIXELS / 255).astype(np.float16),
        {"images": PIXELS, "labels": np.arange(40)},
        {"anything": PIXELS},
    ],
    ids=["flat", "float64", "float16", "named", "only one"],
)
def test_other_ways_to_write_the_same_images(tmp_path: Path, given: Any) -> None:
    name = "other.npz" if isinstance(given, dict) else "other.npy"
    expected = load_images(saved(tmp_path, PIXELS), SHAPE, PADDED)
    found = load_images(saved(tmp_path, given, name), SHAPE, PADDED)
    assert np.array_equal(found.train, expected.train)


def test_truth_values_are_black_and_white(tmp_path: Path) -> None:
    data = load_images(saved(tmp_path, PIXELS > 127), SHAPE, PADDED)
    assert set(np.unique(data.train)) == {0, 255}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (PIXELS[:, :2], "shape (40, 2, 5); allowed: (images, 3, 5)"),
        (PIXELS[:1], "two images or more"),
        (np.uint8(3), "shape ()"),
        (PIXELS.astype(np.int64), "type int64; allowed: uint8"),
        (PIXELS.astype(float), "values outside 0 to 1"),
        (np.full((2, 3, 5), np.nan), "got 30 of 30 values outside 0 to 1"),
        (np.array([[object()]], dtype=object), "cannot read"),
        ({"a": PIXELS, "b": PIXELS}, "got arrays a, b"),
        ({}, "got arrays (none)"),
    ],
    ids=["shape", "one", "scalar", "integers", "0 to 255", "NaN", "objects", "two arrays", "none"],
)
def test_what_is_no_set_of_images_is_refused(tmp_path: Path, given: Any, said: str) -> None:
    name = "wrong.npz" if isinstance(given, dict) else "wrong.npy"
    file = tmp_path / name
    # A pickle is written here, and must not be read.
    np.savez(file, **given) if isinstance(given, dict) else np.save(file, given, allow_pickle=True)
    with pytest.raises(DataError) as caught:
        load_images(file, SHAPE, PADDED)
    assert str(file) in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"GIF89a", b"PK\x03\x04 torn"])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "damaged.npy"
    file.write_bytes(content)
    with pytest.raises(DataError, match="cannot read"):
        load_images(file, SHAPE, PADDED)


def test_a_torn_file_is_refused(tmp_path: Path) -> None:
    for name in ("torn.npy", "torn.npz"):
        file = saved(tmp_path, {"images": PIXELS} if name.endswith("z") else PIXELS, name)
        file.write_bytes(file.read_bytes()[:-200])
        with pytest.raises(DataError, match="cannot read"):
            load_images(file, SHAPE, PADDED)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for file in (tmp_path / "missing.npy", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            load_images(file, SHAPE, PADDED)


def test_some_images_are_left_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"got 40 images to hold out of the 40 in .*mine\.npy"):
        load_images(saved(tmp_path, PIXELS), SHAPE, PADDED, 40)


def test_a_graph_of_the_values_is_one_of_the_pixels(tmp_path: Path) -> None:
    # Every edge joins a value to the one below it, two rows of five apart.
    given = nx.Graph((i, i + 5) for i in range(10))
    nx.write_graphml(nx.relabel_nodes(given, str), tmp_path / "columns.graphml")
    graph = load_images(
        saved(tmp_path, PIXELS), SHAPE, PADDED, graph=tmp_path / "columns.graphml"
    ).graph
    assert graph is not None
    assert len(graph) == 64
    assert {frozenset(edge) for edge in graph.edges} == {
        frozenset((8 * row + column, 8 * row + 8 + column))
        for row in (2, 3)
        for column in range(1, 6)
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("0 1 1.0\n", "got 2 vertices in .*; allowed: 15"),
        ("0 1 -1.0\n", "got an edge of weight -1"),
        ("0 1 heavy\n", "no graph that networkx reads"),
        (None, "cannot read .*graph.edges"),
    ],
    ids=["small", "negative", "no graph", "missing"],
)
def test_a_graph_that_does_not_fit_is_refused(tmp_path: Path, given: str | None, said: str) -> None:
    graph = tmp_path / "graph.edges"
    if given is not None:
        graph.write_text(given)
    with pytest.raises(DataError, match=f"task.graph: .*{said}"):
        load_images(saved(tmp_path, PIXELS), SHAPE, PADDED, graph=graph)
