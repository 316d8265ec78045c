"""Reading examples within `Dataset.map`."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.sources import Example, no_label, read_example
from contextnet_tf.errors import InputError


class ExampleReader:
    """Reads examples by `sources.read_example`, so that training accepts exactly the files that inspection accepts.

    TensorFlow's own decoders are not faster, drop alpha channels, palettes and low bytes silently, and read JPEG files
    that lost a part.

    Attributes:
      failure: the first error, which TensorFlow reports without its type; None if none failed.
    """

    def __init__(self, dataset: Dataset, examples: Sequence[Example]):
        """Takes the examples to read.

        Raises:
          InputError: an example has no label.
        """
        for example in examples:
            if example.label_path is None:
                raise no_label(example)
        self._dataset, self._examples = dataset, examples
        self.failure: InputError | None = None

    def __call__(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Reads example `index` (int64 []): (uint8 [H, W, 3] RGB, train ids uint8 [H, W]).

        An invalid file fails the operation; `failure` gives the reason.
        """
        image, train_ids = tf.numpy_function(self._read, [index], (tf.uint8, tf.uint8))
        return tf.ensure_shape(image, [None, None, 3]), tf.ensure_shape(train_ids, [None, None])

    def _read(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        try:
            return read_example(self._examples[int(index)], self._dataset)
        except InputError as error:
            self.failure = self.failure or error
            raise
