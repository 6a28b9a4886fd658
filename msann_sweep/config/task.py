"""What the network learns: the tasks of Section 4 of the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from msann_sweep.config.hyperparameters import Frozen


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
    MnistTask | MnistLabelsTask | OneObjectTask | TwoObjectTask, Field(discriminator="kind")
]
