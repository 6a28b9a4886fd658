"""What the trainer draws from: batches of any level, pixels in the trainer's order.

At a level of ``n_units`` the pixel at position ``p`` belongs to aggregate ``p mod n_units``, and
the level's data are the means over the aggregates.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from msann_sweep.data.objects import (
    flip_sites,
    flip_values,
    object_width,
    paint,
    sample_starts,
    sign_after_start,
)
from msann_sweep.data.restriction import (
    aggregate_size,
    chunks,
    fold_means,
    restricted_sums,
    smallest_dtype,
)
from msann_sweep.errors import DataError

# The clean images of a level are looked up while all of them have at most so many entries.
LARGEST_TABLE = 1 << 25
# Pixels of validation images that are drawn at once.
DRAWN_AT_ONCE = 1 << 21


class Feed(Protocol):
    """Training batches at any level and a fixed validation set."""

    n_pixels: int

    def draw(
        self, batch_size: int, generator: torch.Generator, n_units: int
    ) -> tuple[Tensor, Tensor]:
        """Inputs and targets, float32 (batch_size, n_units) each: means over the aggregates.

        ``n_units == n_pixels`` gives the pixels. Both may be one tensor: do not write to them.
        Labels, where they are learnt, have no levels: targets are then (batch_size, n_classes).
        Raises DataError unless ``n_units`` divides ``n_pixels``.
        """
        ...

    def validation(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The validation set, the same at every call, in batches of ``size`` (the last: fewer).

        Inputs and targets as `draw` at the pixels' level.
        """
        ...


class ImageFeed:
    """An autoencoder's batches from stored images: inputs and targets are the same tensor.

    ``train`` is uint8 (N, n), ``validation`` uint8 (V, n); value/255 is the pixel. Both may be
    read-only views of shared memory and are not copied, except once if ``order`` (int64 (n,), the
    pixel that stands at each position) is given or the device is not the CPU.
    Raises DataError for arrays or orders of other shapes or types.
    """

    def __init__(
        self,
        train: NDArray[np.uint8],
        validation: NDArray[np.uint8],
        *,
        order: Tensor | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        for name, images in (("train", train), ("validation", validation)):
            if images.dtype != np.uint8 or images.ndim != 2 or not images.size:
                raise DataError(
                    f"{name} images: got {images.dtype} {images.shape}; "
                    "allowed: a non-empty uint8 array (images, pixels)"
                )
        self.n_pixels = train.shape[1]
        if validation.shape[1] != self.n_pixels:
            raise DataError(
                f"validation images: got {validation.shape[1]} pixels; "
                f"allowed: {self.n_pixels}, as in the train images"
            )
        order = None if order is None else _checked(order, self.n_pixels)
        self._train = _ordered(train, order).to(device)
        self._validation_pixels = _ordered(validation, order).to(device)
        self.device = self._train.device
        self._levels = {self.n_pixels: self._train}
        self._drawn = Counter[int]()

    def draw(
        self, batch_size: int, generator: torch.Generator, n_units: int
    ) -> tuple[Tensor, Tensor]:
        """A batch of images drawn uniformly with replacement; see `Feed.draw`."""
        means = self.images(self.choose(batch_size, generator), n_units)
        return means, means

    def choose(self, count: int, generator: torch.Generator) -> Tensor:
        """Numbers of train images, uniform with replacement, int64 (count,)."""
        return torch.randint(len(self._train), (count,), generator=generator, device=self.device)

    def images(self, rows: Tensor, n_units: int) -> Tensor:
        """These train images' means over aggregates, float32 (len(rows), n_units)."""
        size = aggregate_size(self.n_pixels, n_units)
        return self._sums(rows, n_units).to(torch.float32).mul_(1 / (255 * size))

    def _sums(self, rows: Tensor, n_units: int) -> Tensor:
        """Sums over aggregates, (len(rows), n_units).

        All images are restricted once, but not before as many have been one batch after the other:
        a short stay at a level would not pay for it.
        """
        if n_units not in self._levels:
            self._drawn[n_units] += len(rows)
            if self._drawn[n_units] <= len(self._train):
                return restricted_sums(self._train.index_select(0, rows), n_units, 255)
            self._levels[n_units] = restricted_sums(self._train, n_units, 255)
        return self._levels[n_units].index_select(0, rows)

    def validation(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The validation images; see `Feed.validation`."""
        for pixels in torch.split(self._validation_pixels, size):
            images = pixels.to(torch.float32).mul_(1 / 255)
            yield images, images


class LabelFeed:
    """A classifier's batches: images of an `ImageFeed`, and their labels one-hot.

    ``train`` (N,) and ``validation`` (V,) are whole numbers below ``n_classes``, in the order of
    the images.
    """

    def __init__(
        self,
        images: ImageFeed,
        train: NDArray[np.uint8],
        validation: NDArray[np.uint8],
        n_classes: int,
    ) -> None:
        self.n_pixels = images.n_pixels
        self._images = images
        # One row a class, so that a batch's targets are looked up, not made.
        self._one_hot = torch.eye(n_classes, device=images.device)
        self._train = torch.tensor(train, dtype=torch.int64, device=images.device)
        self._validation = torch.tensor(validation, dtype=torch.int64, device=images.device)

    def draw(
        self, batch_size: int, generator: torch.Generator, n_units: int
    ) -> tuple[Tensor, Tensor]:
        """Images drawn uniformly with replacement, (batch_size, n_units), and their labels."""
        rows = self._images.choose(batch_size, generator)
        labels = self._train.index_select(0, rows)
        return self._images.images(rows, n_units), self._one_hot.index_select(0, labels)

    def validation(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The validation images and their labels; see `Feed.validation`."""
        labels = torch.split(self._validation, size)
        for (images, _), each in zip(self._images.validation(size), labels, strict=True):
            yield images, self._one_hot.index_select(0, each)


class ObjectFeed:
    """Generated images of one or two objects: noisy inputs, clean targets.

    ``noise`` is the probability with which each input pixel is flipped. The images do not depend on
    ``order`` (int64 (n,), the pixel that stands at each position), and those drawn at a level are
    the aggregate means of the pixels drawn with the same generator state.
    One object may start at ``n - n/8 + 1`` pixels, 897 for n = 1024 (the paper counts 896).
    Raises DataError unless ``n_pixels`` is a power of two from 8 on, ``n_objects`` 1 or 2 and
    ``noise`` at least 0 and below 1.
    """

    def __init__(
        self,
        n_pixels: int,
        n_objects: int,
        noise: float,
        *,
        validation_seed: int,
        order: Tensor | None = None,
        validation_size: int = 2000,
        device: str | torch.device = "cpu",
    ) -> None:
        self._width = object_width(n_pixels)
        if n_objects not in (1, 2):
            raise DataError(f"object images: got {n_objects} objects; allowed: 1 or 2")
        if not 0 <= noise < 1:
            raise DataError(f"noise: got {noise}; allowed: a probability of at least 0, below 1")
        self.n_pixels = n_pixels
        self.n_objects = n_objects
        self.noise = noise
        order = torch.arange(n_pixels) if order is None else _checked(order, n_pixels)
        self._pixel_at = order.to(device, torch.float64 if n_pixels > 1 << 22 else torch.float32)
        self._sign_at = sign_after_start(n_pixels).to(device)
        self._position_of = torch.argsort(order).to(device)
        self._clean_images: dict[int, Tensor] = {}
        self._aggregate_of: dict[int, Tensor] = {}
        self._device = torch.device(device)
        self._validation_seed = validation_seed
        self._validation_size = validation_size
        self._validation: tuple[Tensor, Tensor] | None = None

    def draw(
        self, batch_size: int, generator: torch.Generator, n_units: int
    ) -> tuple[Tensor, Tensor]:
        """A batch of new images, sampled directly at the level; see `Feed.draw`."""
        # One image more than asked for: flips beyond the batch end in it.
        starts = sample_starts(self.n_pixels, self.n_objects, batch_size + 1, generator)
        targets = self._clean(starts, n_units)
        inputs = targets.clone()
        if self.noise > 0:
            self._add_noise(inputs, starts, generator)
        return inputs[:batch_size], targets[:batch_size]

    def validation(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The images drawn with the validation seed; see `Feed.validation`."""
        if self._validation is None:
            self._validation = self._draw_validation()
        inputs, targets = (torch.split(each, size) for each in self._validation)
        for x, y in zip(inputs, targets, strict=True):
            yield x.to(torch.float32), y.to(torch.float32)

    def _draw_validation(self) -> tuple[Tensor, Tensor]:
        """Kept as bytes, for pixels are 0 or 1, and drawn in parts, lest they need much memory."""
        generator = torch.Generator(self._device).manual_seed(self._validation_seed)
        shape = (self._validation_size, self.n_pixels)
        inputs = torch.empty(shape, dtype=torch.uint8, device=self._device)
        targets = torch.empty_like(inputs)
        part = max(1, DRAWN_AT_ONCE // self.n_pixels)
        for start in range(0, self._validation_size, part):
            rows = slice(start, min(start + part, self._validation_size))
            count = rows.stop - rows.start
            # As in `draw`, but the flips go into the targets themselves once they are kept.
            starts = sample_starts(self.n_pixels, self.n_objects, count + 1, generator)
            pixels = self._clean_pixels(starts)
            targets[rows] = pixels[:count]
            if self.noise > 0:
                self._flip(pixels, generator)
            inputs[rows] = pixels[:count]
        return inputs, targets

    def _clean_pixels(self, starts: Tensor) -> Tensor:
        """Clean images as bytes, uint8 (count, n_pixels)."""
        if self._table(self.n_pixels) is None:
            return self._paint(starts).to(torch.uint8)
        return self._sums(starts, self.n_pixels)

    def _flip(self, pixels: Tensor, generator: torch.Generator) -> None:
        """Flips bytes of all images but the last, as :meth:`_add_noise` does, in place."""
        sites = flip_sites((len(pixels) - 1) * self.n_pixels, self.noise, generator)
        position = self._position_of.index_select(0, sites & (self.n_pixels - 1))
        # From here on the site's number is that of its place in the trainer's order.
        sites.bitwise_and_(-self.n_pixels).add_(position)
        flat = pixels.view(-1)
        flat[sites] = flat.index_select(0, sites).bitwise_xor_(1)

    def _clean(self, starts: Tensor, n_units: int) -> Tensor:
        """Clean images at a level, float32 (count, n_units)."""
        size = aggregate_size(self.n_pixels, n_units)
        if self._table(n_units) is None:
            return fold_means(self._paint(starts), n_units)
        means = self._sums(starts, n_units).to(torch.float32)
        return means if size == 1 else means.mul_(1 / size)

    def _sums(self, starts: Tensor, n_units: int) -> Tensor:
        """Ones in each aggregate of the images, (count, n_units), where there is a table."""
        table = self._clean_images[n_units]
        sums = table.index_select(0, starts[0])
        if self.n_objects == 2:
            sums += table.index_select(0, starts[1])
        return sums

    def _table(self, n_units: int) -> Tensor | None:
        """The sums of every one-object image at a level, made once; None where they are many."""
        n_images = self.n_pixels - self._width + 1
        if n_images * n_units > LARGEST_TABLE:
            return None
        if n_units not in self._clean_images:
            self._clean_images[n_units] = self._one_object_sums(n_images, n_units)
        return self._clean_images[n_units]

    def _one_object_sums(self, n_images: int, n_units: int) -> Tensor:
        """Ones in each aggregate of every one-object image, (n_images, n_units).

        From one start to the next a pixel joins the object and another leaves it, so that the
        sums are running totals and no image is painted. Unsigned, they wrap around and back.
        """
        dtype = smallest_dtype(self.n_pixels // n_units)
        aggregate = self._position_of % n_units
        changes = torch.zeros(n_units, n_images, dtype=dtype, device=self._device)
        changes[:, 0] = torch.bincount(aggregate[: self._width], minlength=n_units)
        later = torch.arange(1, n_images, device=self._device)
        one = torch.ones(1, dtype=dtype, device=self._device).expand(n_images - 1)
        for first, change in ((0, -one), (self._width, one)):
            moved = aggregate[first : first + n_images - 1]
            changes.view(-1).scatter_add_(0, moved * n_images + later, change)
        return torch.cumsum(changes, 1, dtype=dtype, out=changes).T.contiguous()

    def _paint(self, starts: Tensor) -> Tensor:
        return paint(starts, self._pixel_at, self._width).to(torch.float32)

    def _add_noise(self, inputs: Tensor, starts: Tensor, generator: torch.Generator) -> None:
        """Adds to ``inputs`` (count, n_units), in place, the flips of all images but the last."""
        count, n_units = inputs.shape
        if n_units not in self._aggregate_of:
            self._aggregate_of[n_units] = self._position_of % n_units
        sites = flip_sites((count - 1) * self.n_pixels, self.noise, generator)
        image = sites >> (self.n_pixels.bit_length() - 1)
        values = flip_values(starts, sites, image, self._sign_at, n_units / self.n_pixels)
        aggregate = self._aggregate_of[n_units].index_select(0, sites & (self.n_pixels - 1))
        inputs.view(-1).scatter_add_(0, image.mul_(n_units).add_(aggregate), values)


def _checked(order: Tensor, n_pixels: int) -> Tensor:
    """``order`` if it is a permutation of the pixels, DataError otherwise."""
    if order.shape != (n_pixels,) or not torch.equal(
        order.sort().values.cpu(), torch.arange(n_pixels)
    ):
        raise DataError(
            f"order of the pixels: got a tensor {tuple(order.shape)}; "
            f"allowed: a permutation of 0 … {n_pixels - 1} (int64)"
        )
    return order.cpu()


def _ordered(images: NDArray[np.uint8], order: Tensor | None) -> Tensor:
    """Images as a tensor: a view of the array, or one copy with the pixels in ``order``."""
    if order is not None:
        source, images = images, np.empty_like(images, order="C")
        for rows in chunks(*source.shape):
            # mode="clip" lets NumPy write into its output directly; the order is checked already.
            np.take(source[rows], order.numpy(), axis=1, out=images[rows], mode="clip")
    with warnings.catch_warnings():
        # The array may be read-only shared memory; nothing here writes to it.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(images)
