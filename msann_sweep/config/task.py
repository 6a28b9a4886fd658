"""What the network learns: the tasks of Section 4 of the paper, labels, and images of your own."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from msann_sweep.config.hyperparameters import Frozen

SMALLEST, LARGEST = 8, 1 << 16


def _as_path(given: object) -> object:
    return Path(given).expanduser() if isinstance(given, str) and given else given


class _MnistTask(Frozen):
    data_dir: Annotated[Path, BeforeValidator(_as_path)] | None = None
    """Directory with the four idx files; null: MSANN_DATA_DIR, the cache, or a download."""
    validation: Annotated[int, Field(ge=1)] | None = None
    """Test images to validate on, drawn once with a fixed seed; null: all 10,000."""

    @property
    def n_pixels(self) -> int:
        """Length of the vectors: 1024."""
        return 1024


class MnistTask(_MnistTask):
    """Autoencoding MNIST, padded to 32×32 pixels in [0, 1]."""

    kind: Literal["mnist"] = "mnist"
    """Autoencoding MNIST."""

    @property
    def n_outputs(self) -> int:
        """Outputs of the network: the pixels again."""
        return self.n_pixels


class MnistLabelsTask(_MnistTask):
    """Telling MNIST's ten digits apart; the output layer is not coarsened."""

    kind: Literal["mnist_labels"] = "mnist_labels"
    """Classifying MNIST."""

    @property
    def n_outputs(self) -> int:
        """Outputs of the network: the classes."""
        return 10


def _shape(given: tuple[int, ...]) -> tuple[int, ...]:
    if not 1 <= len(given) <= 2 or not SMALLEST <= prod(given) <= LARGEST:
        raise PydanticCustomError(
            "allowed", f"[rows, columns] or [length], {SMALLEST} to {LARGEST:,} values in all"
        )
    return given


def _power_of_two(length: int) -> int:
    """The smallest one that is at least ``length``."""
    return 1 << (length - 1).bit_length()


class ImagesTask(Frozen):
    """Autoencoding images (or vectors) of your own, from a NumPy file."""

    kind: Literal["images"] = "images"
    """Autoencoding images of your own."""
    file: Annotated[Path, BeforeValidator(_as_path)]
    """NumPy file (.npy, or .npz with an array named images): (images, rows, columns), (images,
    length) or (images, rows × columns); uint8, bool, or floating point from 0 to 1."""
    shape: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False), AfterValidator(_shape)
    ]
    """[rows, columns] of an image, or [length] of a vector; padded with zeros to powers of two."""
    validation: Annotated[int, Field(ge=1)] | None = None
    """Images to hold out for validation, drawn once with a fixed seed; null: a tenth."""
    graph: Annotated[Path, BeforeValidator(_as_path)] | None = None
    """Graph of the values, one vertex each, row by row (GraphML, or a weighted edge list), that
    prolongation learned_graph aggregates along; null: the graph of their correlations."""

    @property
    def padded_shape(self) -> tuple[int, ...]:
        """Lengths of the axes after padding: powers of two; of an image as many rows as columns or
        twice as many, the grids that prolongation ``grid`` halves."""
        sides = tuple(_power_of_two(length) for length in self.shape)
        if len(sides) == 1:
            return sides
        columns = max(sides[1], sides[0] // 2)
        return max(sides[0], columns), columns

    @property
    def n_pixels(self) -> int:
        """Length of the vectors, a power of two."""
        return prod(self.padded_shape)

    @property
    def n_outputs(self) -> int:
        """Outputs of the network: the pixels again."""
        return self.n_pixels


class _ObjectTask(Frozen):
    n: int = Field(10, ge=3, le=16)
    """The vectors have 2^n pixels."""
    noise: float = Field(0.05, ge=0, le=0.5)
    """Probability with which each input pixel is flipped; targets are clean."""
    validation: int = Field(2000, ge=1)
    """Images to validate on, drawn once with a fixed seed."""

    @property
    def n_pixels(self) -> int:
        """Length of the vectors: 2^n."""
        return 1 << self.n

    @property
    def n_outputs(self) -> int:
        """Outputs of the network: the pixels again."""
        return self.n_pixels


class OneObjectTask(_ObjectTask):
    """Denoising vectors that show one run of ones, an eighth of the vector long."""

    kind: Literal["one_object"] = "one_object"
    """Denoising vectors with one object."""


class TwoObjectTask(_ObjectTask):
    """Denoising vectors that show two such runs; the two never overlap."""

    kind: Literal["two_object"] = "two_object"
    """Denoising vectors with two objects."""


Task = Annotated[
    MnistTask | MnistLabelsTask | OneObjectTask | TwoObjectTask | ImagesTask,
    Field(discriminator="kind"),
]
