"""Images of the user's own, from a NumPy file: checked, padded to powers of two, and split."""

from __future__ import annotations

import hashlib
import math
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from msann_sweep.errors import DataError, OperatorError
from msann_sweep.operators.graph_files import read_graph

# What a validation set is drawn with, so that it is the same in every trial.
SPLIT_SEED = 1998
VALUES = "uint8 (0 to 255), bool, or floating point from 0 to 1"


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images as uint8, train (N, n) and validation (V, n), each padded and row by row.

    All arrays are read-only. ``name`` is the data set's, ``source`` says where it is from,
    ``digest`` is the MD5 of the train images as trained on (hex), ``description`` says in words
    what and how much is trained and validated on. ``graph``, where one was given, has a vertex per
    pixel.
    """

    train: NDArray[np.uint8]
    validation: NDArray[np.uint8]
    name: str
    source: str
    digest: str
    description: str
    graph: nx.Graph | None = field(default=None, kw_only=True)


def load_images(
    file: Path,
    shape: Sequence[int],
    padded: Sequence[int],
    n_validation: int | None = None,
    graph: Path | None = None,
) -> ImageSet:
    """The images of ``file``, padded with zeros, of which ``n_validation`` are held out.

    ``file`` is a .npy file or a .npz file whose array is named ``images`` (or is its only one). Its
    first axis counts images; the others are as ``shape``, or one of as many values. Values are
    uint8, bool, or floating point from 0 to 1 (kept in steps of 1/255). ``padded`` are the lengths
    of the axes after padding; an image stands in the middle. ``n_validation`` None holds out a
    tenth. The images held out are drawn with a fixed seed. ``graph`` is a file as for
    :func:`read_graph` with a vertex per value of an image, row by row.

    Raises DataError for a file that is missing or damaged, another shape, other values, fewer
    images than are to be held out, or a graph that does not fit.
    """
    images = _as_bytes(file, _shaped(file, _read(file), shape))
    count = len(images)
    held_out = max(1, count // 10) if n_validation is None else n_validation
    if held_out >= count:
        raise DataError(
            f"task.validation: got {held_out:,} images to hold out of the {count:,} in {file}; "
            "allowed: fewer, so that some are trained on"
        )
    shuffled = np.random.default_rng(SPLIT_SEED).permutation(count)
    vectors = pad(images, padded)
    train = read_only(vectors[np.sort(shuffled[held_out:])])
    size, after = (" × ".join(str(length) for length in axes) for axes in (shape, padded))
    return ImageSet(
        train=train,
        validation=read_only(vectors[np.sort(shuffled[:held_out])]),
        name=file.stem,
        source="file",
        digest=digest(train),
        description=f"{count:,} images of {size} values from {file}, padded to {after}: "
        f"{len(train):,} are trained on, {held_out:,} validated on",
        graph=None if graph is None else _padded_graph(graph, shape, padded),
    )


def _read(file: Path) -> NDArray[Any]:
    """The array in a NumPy file; nothing in it can run code."""
    damaged = f"{file}: got a file that NumPy cannot read; allowed: an intact .npy or .npz file"
    try:
        # Opened here, as NumPy leaves a damaged archive open.
        with file.open("rb") as stream:
            content = np.load(stream, allow_pickle=False)
            if isinstance(content, np.ndarray):
                return content
            names = list(content.files)
            chosen = "images" if "images" in names else names[0] if len(names) == 1 else None
            if chosen is not None:
                return np.asarray(content[chosen])
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{damaged} ({error})") from error
    except OSError as error:
        raise DataError(
            f"{file}: cannot be read ({error.strerror or error}); "
            "allowed: a readable .npy or .npz file of images"
        ) from error
    given = ", ".join(names) or "(none)"
    raise DataError(f"{file}: got arrays {given}; allowed: one array, or one named images")


def _shaped(file: Path, array: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    """The array as (images, *shape)."""
    wanted = tuple(shape)
    if array.ndim < 2 or array.shape[1:] not in {wanted, (math.prod(wanted),)} or len(array) < 2:
        lengths = ", ".join(str(length) for length in wanted)
        raise DataError(
            f"{file}: got an array of shape {array.shape}; allowed: (images, {lengths}) as "
            "task.shape says, two images or more"
        )
    return array.reshape(len(array), *wanted)


def _as_bytes(file: Path, images: NDArray[Any]) -> NDArray[np.uint8]:
    """Values as uint8, 255 standing for 1."""
    if images.dtype == np.uint8:
        return images
    if images.dtype == np.bool_:
        return images.astype(np.uint8) * np.uint8(255)
    if not np.issubdtype(images.dtype, np.floating):
        raise DataError(f"{file}: got values of type {images.dtype}; allowed: {VALUES}")
    # Written so that NaN is outside.
    outside = images.size - np.count_nonzero((images >= 0) & (images <= 1))
    if outside:
        raise DataError(
            f"{file}: got {outside:,} of {images.size:,} values outside 0 to 1; allowed: {VALUES}"
        )
    pixels: NDArray[np.uint8] = np.rint(images * 255).astype(np.uint8)
    return pixels


def _padded_graph(file: Path, shape: Sequence[int], padded: Sequence[int]) -> nx.Graph:
    """The graph in ``file`` with a vertex for every pixel after padding, the new ones alone."""
    try:
        graph = read_graph(file)
    except OperatorError as error:
        raise DataError(f"task.graph: {error}") from None
    if len(graph) != math.prod(shape):
        raise DataError(
            f"task.graph: got {len(graph):,} vertices in {file}; allowed: {math.prod(shape):,}, "
            "one for each value of task.shape, row by row"
        )
    inside = pad(np.ones((1, *shape), np.uint8), padded)[0]
    places = dict(zip(graph, np.flatnonzero(inside).tolist(), strict=True))
    grown = nx.empty_graph(len(inside))
    grown.add_edges_from((places[u], places[v], weight) for u, v, weight in graph.edges(data=True))
    return grown


def pad(images: NDArray[np.uint8], padded: Sequence[int]) -> NDArray[np.uint8]:
    """(N, *shape) with margins of zeros, as (N, product of ``padded``)."""
    missing = [after - before for after, before in zip(padded, images.shape[1:], strict=True)]
    margins = [(length // 2, length - length // 2) for length in missing]
    return np.pad(images, [(0, 0), *margins]).reshape(len(images), -1)


def read_only(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The array itself, never to be written to again."""
    array.flags.writeable = False
    return array


def digest(images: NDArray[np.uint8]) -> str:
    """MD5 of images (contiguous), in hex."""
    return hashlib.md5(images.data, usedforsecurity=False).hexdigest()
