"""Decoding one example's files to tensors, within `Dataset.map`."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.datasets.sources.example import Example
from contextnet_tf.datasets.sources.headers import PNG_START
from contextnet_tf.datasets.sources.reading import no_label, read_image, read_label, train_id_table

_UNKNOWN = IGNORE - 1  # marks values in no table; never a class (`class_table.MOST_CLASSES`)

# Bit depth and color type, bytes 24 and 25 of a PNG file. Only these forms are decoded natively. TensorFlow reads
# other forms too, but silently drops the low byte of 16 bits, the alpha channel and palette indices.
_RGB_8, _GREY_8 = b"\x08\x02", b"\x08\x00"


def decode(image_path: tf.Tensor, label_path: tf.Tensor, dataset: Dataset) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads one example: string [], string [] -> (uint8 [H, W, 3] RGB, train ids uint8 [H, W]).

    8-bit RGB images and 8-bit gray labels in PNG are decoded natively, everything else by `sources.reading`. An
    invalid file fails the operation; `sources.read_example` gives the reason.
    """
    image = _image(image_path)
    train_ids = _train_ids(label_path, dataset)
    with tf.control_dependencies([tf.debugging.assert_equal(tf.shape(image)[:2], tf.shape(train_ids))]):
        return tf.identity(image), tf.identity(train_ids)


def example_paths(examples: Sequence[Example]) -> tuple[tf.Tensor, tf.Tensor]:
    """The image paths and the label paths, string [N] each.

    Raises:
      InputError: an example has no label.
    """
    for example in examples:
        if example.label_path is None:
            raise no_label(example)
    return tf.constant([e.image_path for e in examples]), tf.constant([e.label_path for e in examples])


def _image(path: tf.Tensor) -> tf.Tensor:
    content = tf.io.read_file(path)
    image = tf.cond(
        _has_form(content, _RGB_8),
        lambda: tf.io.decode_png(content, channels=3),
        lambda: tf.numpy_function(lambda path: read_image(path.decode()), [path], tf.uint8),
    )
    return tf.ensure_shape(image, [None, None, 3])


def _train_ids(path: tf.Tensor, dataset: Dataset) -> tf.Tensor:
    def strictly() -> tf.Tensor:
        return tf.numpy_function(lambda path: read_label(path.decode(), dataset), [path], tf.uint8)

    if not dataset.has_label_values:
        return tf.ensure_shape(strictly(), [None, None])
    content = tf.io.read_file(path)
    # uint8 takes a quarter of the memory of int32.
    table = train_id_table(dataset.labels)
    table = tf.constant(np.where(table < 0, _UNKNOWN, table).astype(np.uint8))

    def natively() -> tf.Tensor:
        ids = tf.io.decode_png(content, channels=1)[..., 0]
        train_ids = tf.gather(table, tf.cast(ids, tf.int32))
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(train_ids != _UNKNOWN), [path])]):
            return tf.identity(train_ids)

    return tf.ensure_shape(tf.cond(_has_form(content, _GREY_8), natively, strictly), [None, None])


def _has_form(content: tf.Tensor, form: bytes) -> tf.Tensor:
    """Whether a file's content is a PNG of this bit depth and color type; bool []."""
    header = tf.strings.substr(content, 0, tf.minimum(26, tf.strings.length(content)))
    header = tf.strings.join([header, b"-" * 26])  # padded: `substr` fails on shorter files
    return tf.strings.substr(header, 0, 8) + tf.strings.substr(header, 24, 2) == PNG_START + form
