"""Aggregate sums and means: a level's data from the pixels, without large temporaries."""

from __future__ import annotations

import torch
from torch import Tensor

from msann_sweep.errors import DataError

# Entries of the largest temporary made while a whole data set is restricted.
CHUNK_ENTRIES = 1 << 18


def aggregate_size(n_pixels: int, n_units: int) -> int:
    """Pixels in each of ``n_units`` aggregates; DataError unless it divides ``n_pixels``."""
    if n_units < 1 or n_pixels % n_units:
        raise DataError(
            f"level of a data set: got {n_units} units; allowed: a divisor of its {n_pixels} pixels"
        )
    return n_pixels // n_units


def smallest_dtype(largest: int) -> torch.dtype:
    """The smallest integer dtype that holds 0 ... ``largest`` and that torch can add and index."""
    for dtype in (torch.uint8, torch.int16, torch.int32):
        if largest <= torch.iinfo(dtype).max:
            return dtype
    return torch.int64


def chunks(n_rows: int, n_columns: int) -> list[slice]:
    """Slices that cover ``n_rows`` rows, each of at most about ``CHUNK_ENTRIES`` entries."""
    step = max(1, CHUNK_ENTRIES // n_columns)
    return [slice(begin, min(begin + step, n_rows)) for begin in range(0, n_rows, step)]


def restricted_sums(pixels: Tensor, n_units: int, largest: int) -> Tensor:
    """Sums over aggregates, (N, n_units), of uint8 ``pixels`` (N, n) with values up to ``largest``.

    Column ``p`` belongs to aggregate ``p mod n_units``. The dtype is the smallest that holds the
    largest possible sum.
    """
    n_rows, n_pixels = pixels.shape
    size = aggregate_size(n_pixels, n_units)
    if size == 1:
        return pixels
    dtype = smallest_dtype(size * largest)
    sums = torch.empty(n_rows, n_units, dtype=dtype, device=pixels.device)
    for rows in chunks(n_rows, n_pixels):
        part = pixels[rows].view(-1, size, n_units)
        torch.sum(part, dim=1, dtype=dtype, out=sums[rows])
    return sums


def fold_means(values: Tensor, n_units: int) -> Tensor:
    """Means over aggregates, (B, n_units), of float ``values`` (B, n)."""
    size = aggregate_size(values.shape[1], n_units)
    return values if size == 1 else values.view(-1, size, n_units).mean(1)
