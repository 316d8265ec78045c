"""Examples of a dataset: which files belong together, and what is wrong with them if something is.

One file a layout: `cityscapes`, `camvid`, `folder` (a person's own) and `prepared` (TensorFlow Datasets). Each
finds the examples of a split and, in the same pass, everything that is wrong with their files (`example`).
`headers` looks at first and last bytes only, `reading` reads strictly.
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
