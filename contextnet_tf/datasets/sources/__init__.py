"""Finding and reading the examples of a dataset.

One module per layout: `cityscapes`, `camvid`, `folder` (a user's own) and `prepared` (TensorFlow Datasets). Each
lists the examples of a split and, in the same pass, the problems of their files (`example`). `decoding` decodes files
of every format (by `png`, `jpeg` and `pillow`), `reading` validates what they hold.
"""

from contextnet_tf.datasets.sources.example import Example, Listing, checked_examples
from contextnet_tf.datasets.sources.finding import IMAGE_SUFFIXES, find_files
from contextnet_tf.datasets.sources.reading import (
    check_files,
    has_orientation_tag,
    no_label,
    read_example,
    read_image,
    read_label,
    read_values,
    stored_size,
    train_id_table,
)

__all__ = [
    "IMAGE_SUFFIXES",
    "Example",
    "Listing",
    "check_files",
    "checked_examples",
    "find_files",
    "has_orientation_tag",
    "no_label",
    "read_example",
    "read_image",
    "read_label",
    "read_values",
    "stored_size",
    "train_id_table",
]
