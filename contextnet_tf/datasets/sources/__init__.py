"""Finding and reading the examples of a dataset.

One module per layout: `cityscapes`, `camvid`, `folder` (a user's own) and `prepared` (TensorFlow Datasets). Each
lists the examples of a split and, in the same pass, the problems of their files (`example`). `headers` checks only
first and last bytes, `reading` decodes and validates whole files.
"""

from contextnet_tf.datasets.sources.example import IMAGE_SUFFIXES, Example, Listing
from contextnet_tf.datasets.sources.headers import check_files, cut_off
from contextnet_tf.datasets.sources.reading import read_example, read_image, read_label, train_id_table

__all__ = [
    "IMAGE_SUFFIXES",
    "Example",
    "Listing",
    "check_files",
    "cut_off",
    "read_example",
    "read_image",
    "read_label",
    "train_id_table",
]
