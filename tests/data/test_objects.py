from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from msann_sweep.data import sample_starts
from msann_sweep.data.objects import flip_sites, object_width, paint
from msann_sweep.errors import DataError


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def chi_square_z(counts: Tensor, expected: Tensor) -> float:
    """Pearson's statistic, centred and scaled by its standard deviation."""
    freedom = len(counts) - 1
    statistic = ((counts - expected) ** 2 / expected).sum().item()
    return float((statistic - freedom) / (2 * freedom) ** 0.5)


@pytest.mark.parametrize("n_pixels", [8, 16, 64])
def test_one_object_starts_anywhere_it_fits_equally_often(n_pixels: int) -> None:
    draws = 200_000
    starts = sample_starts(n_pixels, 1, draws, seeded(1))
    assert starts.shape == (1, draws)
    places = n_pixels - n_pixels // 8 + 1
    counts = torch.bincount(starts[0], minlength=places).double()
    assert len(counts) == places
    assert abs(chi_square_z(counts, torch.full_like(counts, draws / places))) < 4


@pytest.mark.parametrize("n_pixels", [8, 16, 32])
def test_two_objects_are_uniform_over_the_pairs_that_do_not_overlap(n_pixels: int) -> None:
    draws = 300_000
    width = n_pixels // 8
    places = range(n_pixels - width + 1)
    allowed = [(a, b) for a, b in itertools.combinations(places, 2) if b - a >= width]
    starts = sample_starts(n_pixels, 2, draws, seeded(2))
    pairs, counts = torch.unique(starts, dim=1, return_counts=True)
    assert [tuple(pair) for pair in pairs.T.tolist()] == allowed
    expected = torch.full((len(allowed),), draws / len(allowed), dtype=torch.float64)
    assert abs(chi_square_z(counts.double(), expected)) < 4


def test_paint_equals_the_definition() -> None:
    n_pixels, width = 16, 2
    starts = torch.tensor([[0, 3, 14], [2, 12, 5]])
    order = torch.randperm(n_pixels, generator=seeded(3))
    images = paint(starts, order.float(), width)
    for image, pair in zip(images, starts.T.tolist(), strict=True):
        pixels = {start + offset for start in pair for offset in range(width)}
        assert image.tolist() == [float(pixel in pixels) for pixel in order.tolist()]


# Both precisions of the uniform numbers: float32 from 0.01 on, float64 below.
@pytest.mark.parametrize("probability", [0.002, 0.05, 0.5, 0.97])
def test_flips_are_a_bernoulli_process(probability: float) -> None:
    """Every pattern of four neighbours has the frequency of four independent flips."""
    groups = 400_000
    sites = flip_sites(4 * groups, probability, seeded(4))
    flipped = torch.zeros(4 * groups + 1, dtype=torch.int64)
    flipped[sites] = 1
    rows = flipped[:-1].view(groups, 4)
    counts = torch.bincount((rows * torch.tensor([1, 2, 4, 8])).sum(1), minlength=16).double()
    ones = torch.tensor([pattern.bit_count() for pattern in range(16)])
    expected = groups * probability**ones * (1 - probability) ** (4 - ones)
    rare = expected < 10
    common = torch.cat((expected[~rare], expected[rare].sum()[None] + 1e-9))
    assert abs(chi_square_z(torch.cat((counts[~rare], counts[rare].sum()[None])), common)) < 4


def test_flips_reach_the_last_site_as_often_as_the_first() -> None:
    rounds, n_sites, probability = 4000, 40, 0.2
    generator = seeded(5)
    hits = torch.zeros(n_sites + 1)
    for _ in range(rounds):
        hits[flip_sites(n_sites, probability, generator).unique()] += 1
    rates = hits[:-1] / rounds
    spread = (probability * (1 - probability) / rounds) ** 0.5
    assert (rates - probability).abs().max() < 4.5 * spread


@given(
    st.integers(1, 5000),
    st.one_of(st.floats(0, 0.999), st.sampled_from([0.0, 5e-324, 1e-12, 1e-5])),
    st.integers(0, 2**32),
)
def test_sites_ascend_and_stay_in_range(n_sites: int, probability: float, seed: int) -> None:
    sites = flip_sites(n_sites, probability, seeded(seed))
    assert torch.equal(sites, flip_sites(n_sites, probability, seeded(seed)))
    if probability == 0:
        assert not len(sites)
        return
    assert sites.min() >= 0
    assert sites[-1] == n_sites  # enough gaps were drawn to pass the end
    inside = sites[sites < n_sites]
    assert torch.equal(inside, inside.unique())


@pytest.mark.parametrize("n_pixels", [-8, 0, 1, 4, 7, 12, 1000])
def test_sizes_that_are_not_offered(n_pixels: int) -> None:
    with pytest.raises(DataError, match=f"got {n_pixels} pixels; allowed: a power of two"):
        object_width(n_pixels)
    with pytest.raises(DataError, match="power of two"):
        sample_starts(n_pixels, 1, 3)


@pytest.mark.parametrize("n_objects", [0, 3])
def test_numbers_of_objects_that_are_not_offered(n_objects: int) -> None:
    with pytest.raises(DataError, match=f"got {n_objects} objects; allowed: 1 or 2"):
        sample_starts(64, n_objects, 3)
