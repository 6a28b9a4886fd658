"""Data of the tasks: one object, two objects, MNIST; drawn at any level of a hierarchy."""

from msann_sweep.data.feed import Feed, ImageFeed, LabelFeed, ObjectFeed
from msann_sweep.data.idx import read_file, read_idx
from msann_sweep.data.mnist import BundledDataWarning, Mnist, load_mnist
from msann_sweep.data.objects import sample_starts

__all__ = [
    "BundledDataWarning",
    "Feed",
    "ImageFeed",
    "LabelFeed",
    "Mnist",
    "ObjectFeed",
    "load_mnist",
    "read_file",
    "read_idx",
    "sample_starts",
]
