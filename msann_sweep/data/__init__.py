"""Data of the tasks: one object, two objects, MNIST; drawn at any level of a hierarchy."""

from msann_sweep.data.feed import Feed, ImageFeed, ObjectFeed
from msann_sweep.data.objects import sample_starts

__all__ = [
    "Feed",
    "ImageFeed",
    "ObjectFeed",
    "sample_starts",
]
