"""Images of one or two objects (Section 4.2 of the paper) and the noise on them.

An object is a run of ``n/8`` ones among ``n`` pixels. Every start from 0 to ``n - n/8`` is allowed,
which makes 897 one-object images for n = 1024; the paper counts 896.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from msann_sweep.errors import DataError


def object_width(n_pixels: int) -> int:
    """Pixels of an object, ``n_pixels / 8``; DataError unless a power of two from 8 on is given."""
    if n_pixels < 8 or n_pixels & (n_pixels - 1):
        raise DataError(
            f"object images: got {n_pixels} pixels; allowed: a power of two from 8 on (8, 16, 32 …)"
        )
    return n_pixels // 8


def sample_starts(
    n_pixels: int, n_objects: int, count: int, generator: torch.Generator | None = None
) -> Tensor:
    """First pixels of the objects of ``count`` images, int64 (n_objects, count), sorted in each.

    Uniform over all images of one object, or of two that do not overlap (touching is allowed).
    Raises DataError for a number of pixels or of objects that is not offered.
    """
    width = object_width(n_pixels)
    device = generator.device if generator is not None else None
    if n_objects == 1:
        return torch.randint(n_pixels - width + 1, (1, count), generator=generator, device=device)
    if n_objects != 2:
        raise DataError(f"object images: got {n_objects} objects; allowed: 1 or 2")
    # Without the pixels of the first object but one, a pair of disjoint runs is a pair of
    # distinct numbers: no rejection is needed.
    places = n_pixels - 2 * width + 2
    one = torch.randint(places, (count,), generator=generator, device=device)
    other = torch.randint(places - 1, (count,), generator=generator, device=device)
    other += other >= one
    return torch.stack((torch.minimum(one, other), torch.maximum(one, other) + (width - 1)))


def paint(starts: Tensor, pixel_at: Tensor, width: int) -> Tensor:
    """Clean images, (count, n), with pixel ``pixel_at[p]`` in column p.

    ``starts`` is int64 (n_objects, count), ``pixel_at`` floating point (n,). The result has the
    dtype of ``pixel_at``.
    """
    # Distance to the object's centre, clamped, is exact and takes fewer passes than comparing.
    centres = starts.to(pixel_at.dtype).add_((width - 1) / 2).unsqueeze(2)
    images: list[Tensor] = [
        (pixel_at - centre).abs_().neg_().add_((width + 1) / 2).clamp_(0, 1) for centre in centres
    ]
    return images[0] if len(images) == 1 else images[0].add_(images[1])


def flip_values(
    starts: Tensor, sites: Tensor, image: Tensor, sign_at: Tensor, scale: float
) -> Tensor:
    """What a flip adds to the pixel at each site: +scale outside the objects, -scale inside.

    ``starts`` is int64 (n_objects, count); ``sites`` and ``image`` = sites // n are int64 (K,);
    ``sign_at`` is `sign_after_start`, (n,). Returns float32 (K,).
    """
    values: list[Tensor] = []
    for start in starts:
        # An object never wraps round, so the distance from its start can be taken modulo n, and
        # the site's image drops out of it.
        distance = sites - start.index_select(0, image)
        values.append(sign_at.index_select(0, distance.bitwise_and_(len(sign_at) - 1)))
    product = values[0] if len(values) == 1 else values[0].mul_(values[1])
    return product.mul_(scale)


def sign_after_start(n_pixels: int) -> Tensor:
    """Float32 (n,): -1 for the distances from an object's start that are in it, else 1."""
    signs = torch.ones(n_pixels)
    signs[: object_width(n_pixels)] = -1
    return signs


def flip_sites(n_sites: int, probability: float, generator: torch.Generator) -> Tensor:
    """Sites, of ``n_sites``, that flip independently with ``probability``: int64 (K,), ascending.

    The gaps between flips are geometric, so only about ``n_sites * probability`` random numbers are
    drawn. Their count K is fixed in advance (ten standard deviations above the mean, so that no
    device waits for a count); the entries beyond the last flip are all ``n_sites``.
    ``probability`` is at least 0 and below 1.
    """
    mean = n_sites * probability
    if mean == 0:
        return torch.empty(0, dtype=torch.int64, device=generator.device)
    count = math.ceil(mean + 10 * math.sqrt(mean * (1 - probability)) + 16)
    # Uniform numbers have steps of 2^-24 or 2^-53: the coarse ones do where gaps are short.
    dtype, bits = (torch.float32, 24) if probability >= 0.01 else (torch.float64, 53)
    uniform = torch.rand(count, dtype=dtype, generator=generator, device=generator.device)
    # A uniform number of zero stands for half a step, and a gap of n_sites ends the row anyway.
    decay = math.log1p(-probability)
    longest = min(n_sites, -(bits + 1) * math.log(2) / decay)
    gaps = uniform.log_().div_(decay).clamp_(max=longest).to(torch.int64).add_(1)
    return gaps.cumsum(0).sub_(1).clamp_(max=n_sites)
