from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from msann_sweep.data import Feed, ImageFeed, LabelFeed, ObjectFeed, restriction
from msann_sweep.data import feed as feed_module
from msann_sweep.errors import DataError


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def means_by_definition(pixels: Tensor, n_units: int) -> Tensor:
    """Mean over the pixels at positions p with p mod n_units = j, column by column."""
    return torch.stack([pixels[:, j::n_units].double().mean(1) for j in range(n_units)], 1)


def read_only_images(count: int, n_pixels: int, seed: int = 0) -> np.ndarray:
    """As they come out of shared memory: a view that must not be written to."""
    content = np.random.default_rng(seed).bytes(count * n_pixels)
    return np.frombuffer(content, np.uint8).reshape(count, n_pixels)


powers = st.integers(3, 8)
seeds = st.integers(0, 2**63 - 1)


@settings(max_examples=60, deadline=None)
@given(powers, st.sampled_from([1, 2]), st.sampled_from([0.0, 0.004, 0.05, 0.5]), seeds, seeds)
def test_objects_drawn_at_a_level_are_the_restricted_pixels(
    power: int, n_objects: int, noise: float, seed: int, order_seed: int
) -> None:
    n = 2**power
    order = torch.randperm(n, generator=seeded(order_seed))
    feed = ObjectFeed(n, n_objects, noise, validation_seed=1, order=order)
    pixels = feed.draw(9, seeded(seed), n)
    for n_units in (2**level for level in range(power + 1)):
        for drawn, fine in zip(feed.draw(9, seeded(seed), n_units), pixels, strict=True):
            assert drawn.dtype == torch.float32
            assert torch.equal(drawn.double(), means_by_definition(fine, n_units))


@settings(max_examples=40, deadline=None)
@given(powers, st.sampled_from([1, 2]), seeds, seeds)
def test_order_only_moves_pixels(power: int, n_objects: int, seed: int, order_seed: int) -> None:
    n = 2**power
    order = torch.randperm(n, generator=seeded(order_seed))
    plain = ObjectFeed(n, n_objects, 0.1, validation_seed=1, validation_size=11)
    moved = ObjectFeed(n, n_objects, 0.1, validation_seed=1, validation_size=11, order=order)
    for one, other in (
        (plain.draw(5, seeded(seed), n), moved.draw(5, seeded(seed), n)),
        (whole(plain), whole(moved)),
    ):
        for before, after in zip(one, other, strict=True):
            assert torch.equal(before[:, order], after)


def whole(feed: Feed) -> tuple[Tensor, Tensor]:
    """The validation set, put together from batches of four."""
    inputs, targets = zip(*feed.validation(4), strict=True)
    return torch.cat(inputs), torch.cat(targets)


@pytest.mark.parametrize("n_objects", [1, 2])
def test_object_images_are_runs_with_independent_flips(n_objects: int) -> None:
    n, batch, noise = 64, 4000, 0.05
    inputs, targets = ObjectFeed(n, n_objects, noise, validation_seed=1).draw(batch, seeded(7), n)
    assert set(inputs.unique().tolist()) == set(targets.unique().tolist()) == {0.0, 1.0}
    assert (targets.sum(1) == n_objects * n // 8).all()
    edges = torch.nn.functional.pad(targets, (1, 1)).diff(dim=1).abs().sum(1)
    assert (edges <= 2 * n_objects).all()
    flips = inputs != targets
    for chosen in (targets == 0, targets == 1):
        rate = flips[chosen].double().mean().item()
        assert rate == pytest.approx(noise, abs=4.5 * (noise / chosen.sum().item()) ** 0.5)
    spread = (noise * (1 - noise) / batch) ** 0.5
    assert (flips.double().mean(0) - noise).abs().max() < 4.5 * spread
    assert (flips.double().mean(1) - noise).abs().max() < 8 * (noise * (1 - noise) / n) ** 0.5


def test_noise_off() -> None:
    inputs, targets = ObjectFeed(64, 1, 0.0, validation_seed=1).draw(50, seeded(1), 64)
    assert torch.equal(inputs, targets)
    assert inputs is not targets


@pytest.mark.parametrize("n_objects", [1, 2])
def test_without_tables_the_same_images_are_drawn(
    monkeypatch: pytest.MonkeyPatch, n_objects: int
) -> None:
    order = torch.randperm(256, generator=seeded(8))
    drawn = []
    for limit in (feed_module.LARGEST_TABLE, 0):
        monkeypatch.setattr(feed_module, "LARGEST_TABLE", limit)
        feed = ObjectFeed(256, n_objects, 0.05, validation_seed=1, order=order)
        drawn.append([feed.draw(20, seeded(3), n_units) for n_units in (256, 128, 2, 1)])
    for with_table, without in zip(*drawn, strict=True):
        assert all(map(torch.equal, with_table, without))


def test_object_validation_is_fixed_by_its_seed() -> None:
    feed, same = (ObjectFeed(32, 1, 0.05, validation_seed=5) for _ in range(2))
    other = ObjectFeed(32, 1, 0.05, validation_seed=6)
    inputs, targets = whole(feed)
    assert inputs.shape == targets.shape == (2000, 32)
    feed.draw(4, seeded(1), 16)
    assert all(map(torch.equal, whole(feed), whole(same)))
    assert not torch.equal(targets, whole(other)[1])
    assert not torch.equal(inputs, targets)


@pytest.mark.parametrize("n_units", [16, 8, 4, 1])
def test_image_levels_are_the_restricted_pixels(
    monkeypatch: pytest.MonkeyPatch, n_units: int
) -> None:
    monkeypatch.setattr(restriction, "CHUNK_ENTRIES", 7 * 16)  # several chunks, the last one short
    images = read_only_images(200, 16)
    order = torch.randperm(16, generator=seeded(4))
    for chosen in (None, order):
        feed = ImageFeed(images, images[:5], order=chosen)
        inputs, targets = feed.draw(30, seeded(9), n_units)
        assert inputs is targets
        assert inputs.dtype == torch.float32
        rows = torch.randint(200, (30,), generator=seeded(9))
        pixels = torch.tensor(images)[rows] / 255
        if chosen is not None:
            pixels = pixels[:, chosen]
        torch.testing.assert_close(
            inputs.double(), means_by_definition(pixels, n_units), atol=1e-6, rtol=0
        )


def test_images_restricted_batch_by_batch_are_those_restricted_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = read_only_images(40, 16)
    restricted = []

    def watched(pixels: torch.Tensor, n_units: int, largest: int) -> torch.Tensor:
        restricted.append(len(pixels))
        return restriction.restricted_sums(pixels, n_units, largest)

    monkeypatch.setattr(feed_module, "restricted_sums", watched)
    feed, generator = ImageFeed(images, images), seeded(5)
    for _ in range(8):
        rows = feed.choose(15, generator)
        expected = means_by_definition(torch.tensor(images)[rows] / 255, 4)
        drawn = feed.images(rows, 4)
        torch.testing.assert_close(drawn.double(), expected, atol=1e-6, rtol=0)
    assert restricted == [15, 15, 40]


def test_white_and_black_stay_exact_at_every_level() -> None:
    """Sums of 1024 pixels of 255 need more than 16 bits; none may wrap or exceed 1."""
    images = np.repeat(np.array([[0], [255]], np.uint8), 1024, axis=1)
    feed = ImageFeed(images, images)
    for n_units in (2**level for level in range(11)):
        drawn, _ = feed.draw(64, seeded(1), n_units)
        assert set(drawn.unique().tolist()) == {0.0, 1.0}


def test_every_image_is_drawn_equally_often() -> None:
    images = np.repeat(np.arange(10, dtype=np.uint8)[:, None], 8, axis=1)
    drawn, _ = ImageFeed(images, images).draw(20_000, seeded(2), 8)
    counts = torch.bincount((drawn[:, 0] * 255).round().long(), minlength=10)
    assert len(counts) == 10
    assert (counts - 2000).abs().max() < 4.5 * (20_000 * 0.1 * 0.9) ** 0.5


def test_shared_images_are_neither_copied_nor_written_nor_warned_of() -> None:
    images = read_only_images(50, 64)
    content = images.tobytes()
    torch.set_warn_always(True)
    try:
        feed = ImageFeed(images, images)
        with_order = ImageFeed(images, images, order=torch.arange(63, -1, -1))
    finally:
        torch.set_warn_always(False)
    assert feed._train.data_ptr() == images.ctypes.data
    for each in (feed, with_order):
        for n_units in (64, 32, 1):
            each.draw(8, seeded(1), n_units)
        whole(each)
    assert images.tobytes() == content


def test_image_validation_is_all_of_it_in_order() -> None:
    images, held_out = read_only_images(9, 8), read_only_images(6, 8, seed=1)
    order = torch.randperm(8, generator=seeded(5))
    inputs, targets = whole(ImageFeed(images, held_out, order=order))
    assert torch.equal(inputs, targets)
    torch.testing.assert_close(inputs, torch.tensor(held_out)[:, order] / 255)


@pytest.mark.parametrize("kind", ["images", "objects"])
def test_a_seed_reproduces_and_the_generator_advances(kind: str) -> None:
    images = read_only_images(500, 64)
    feed: Feed = (
        ImageFeed(images, images)
        if kind == "images"
        else ObjectFeed(64, 2, 0.05, validation_seed=1)
    )
    one, other = seeded(3), seeded(3)
    first = feed.draw(16, one, 32)[0]
    assert torch.equal(first, feed.draw(16, other, 32)[0])
    assert not torch.equal(first, feed.draw(16, one, 32)[0])
    assert first.shape == (16, 32)


@pytest.mark.parametrize("n_units", [0, -1, 3, 128])
def test_levels_that_do_not_divide_the_pixels(n_units: int) -> None:
    images = read_only_images(3, 64)
    for feed in (ImageFeed(images, images), ObjectFeed(64, 1, 0.05, validation_seed=1)):
        with pytest.raises(DataError, match=f"got {n_units} units; allowed: a divisor of its 64"):
            feed.draw(2, seeded(1), n_units)


@pytest.mark.parametrize("noise", [-0.1, 1.0, 1.5, float("nan")])
def test_noise_that_is_no_probability(noise: float) -> None:
    with pytest.raises(DataError, match=f"noise: got {noise}"):
        ObjectFeed(64, 1, noise, validation_seed=1)


def test_object_feeds_that_are_not_offered() -> None:
    with pytest.raises(DataError, match="got 100 pixels"):
        ObjectFeed(100, 1, 0.05, validation_seed=1)
    with pytest.raises(DataError, match="got 3 objects"):
        ObjectFeed(64, 3, 0.05, validation_seed=1)


@pytest.mark.parametrize(
    "order", [torch.arange(4), torch.zeros(8, dtype=torch.int64), torch.arange(1, 9)]
)
def test_orders_that_are_no_permutation(order: Tensor) -> None:
    images = read_only_images(3, 8)
    with pytest.raises(DataError, match="allowed: a permutation of 0 … 7"):
        ImageFeed(images, images, order=order)
    with pytest.raises(DataError, match="order of the pixels"):
        ObjectFeed(8, 1, 0.05, validation_seed=1, order=order)


def test_arrays_that_are_no_images() -> None:
    images = read_only_images(3, 8)
    for train, validation, said in (
        (images.astype(np.float32), images, "train images: got float32"),
        (images[0], images, r"train images: got uint8 \(8,\)"),
        (images, images[:0], r"validation images: got uint8 \(0, 8\)"),
        (images, images[:, :4], "validation images: got 4 pixels; allowed: 8"),
    ):
        with pytest.raises(DataError, match=said):
            ImageFeed(train, validation)


@pytest.mark.parametrize("n_units", [16, 4])
def test_labels_belong_to_their_images(n_units: int) -> None:
    images, held_out = read_only_images(50, 16), read_only_images(9, 16, seed=1)
    labels = (images.sum(axis=1) % 10).astype(np.uint8)
    held_out_labels = (held_out.sum(axis=1) % 10).astype(np.uint8)
    pictures = ImageFeed(images, held_out)
    feed = LabelFeed(pictures, labels, held_out_labels, 10)
    inputs, targets = feed.draw(200, seeded(3), n_units)
    rows = pictures.choose(200, seeded(3))
    torch.testing.assert_close(inputs, pictures.images(rows, n_units))
    assert targets.shape == (200, 10)
    assert torch.equal(targets.argmax(1), torch.from_numpy(labels)[rows].long())
    assert torch.equal(targets.sum(1), torch.ones(200))
    inputs, targets = whole(feed)
    torch.testing.assert_close(inputs, torch.tensor(held_out) / 255)
    assert torch.equal(targets.argmax(1), torch.from_numpy(held_out_labels).long())


def test_validation_images_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msann_sweep.data.feed.DRAWN_AT_ONCE", 3 * 32)
    feed = ObjectFeed(32, 2, 0.05, validation_seed=5, validation_size=10)
    inputs, targets = whole(feed)
    assert inputs.shape == targets.shape == (10, 32)
    assert set(targets.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(targets.sum(1), torch.full((10,), 8.0))


def test_validation_images_are_those_drawn_with_its_seed() -> None:
    feed = ObjectFeed(32, 2, 0.05, validation_seed=5, validation_size=10)
    assert all(map(torch.equal, whole(feed), feed.draw(10, seeded(5), 32)))
