"""Data of the tasks: one object, two objects, MNIST, own images; drawn at any level."""

from msann_sweep.data.feed import Feed, ImageFeed, LabelFeed, ObjectFeed
from msann_sweep.data.idx import read_file, read_idx
from msann_sweep.data.images import ImageSet, load_images
from msann_sweep.data.mnist import BundledDataWarning, Mnist, load_mnist
from msann_sweep.data.objects import sample_starts

__all__ = [
    "BundledDataWarning",
    "Feed",
    "ImageFeed",
    "ImageSet",
    "LabelFeed",
    "Mnist",
    "ObjectFeed",
    "load_images",
    "load_mnist",
    "read_file",
    "read_idx",
    "sample_starts",
]
