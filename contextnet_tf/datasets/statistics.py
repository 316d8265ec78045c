"""How often each class occurs."""

from collections.abc import Sequence

import numpy as np

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.pipeline import evaluation_examples
from contextnet_tf.datasets.sources import Example


def class_pixel_counts(dataset: Dataset, examples: Sequence[Example]) -> np.ndarray:
    """Pixels of each class over the examples, int64 [C]; ignored pixels are left out.

    Reads every example once.

    Raises:
      InputError: a file is unreadable, of another size than its partner, or has an unknown label value.
    """
    counts = np.zeros(256, np.int64)
    for _, label in evaluation_examples(dataset, examples):
        counts += np.bincount(label.numpy().ravel(), minlength=256)
    return counts[: dataset.num_classes]
