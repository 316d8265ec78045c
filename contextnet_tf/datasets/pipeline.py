"""The order of the steps from files to batches, each with its reason."""

from collections.abc import Iterator, Sequence

import tensorflow as tf

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.augment import Augmentation, augment
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.decode import decode, example_paths
from contextnet_tf.errors import InputError


def training_batches(
    dataset: Dataset,
    examples: Sequence[sources.Example],
    *,
    augmentation: Augmentation,
    crop_size: tuple[int, int],
    batch_size: int,
    seed: int,
    first_step: int,
    last_step: int,
) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """Yields the batches of steps `first_step` to `last_step` - 1.

    Sample k of a run (k = step * batch_size + place in the batch) belongs to epoch k // n of the n
    examples and is augmented with a seed of its own: order and augmentation are functions of (seed, k),
    so the batches of a step are the same whatever step the run was started at.

    Yields:
      (pictures float32 [B, height, width, 3] in [0, 1], labels uint8 [B, height, width] train ids).

    Raises:
      InputError: a file turns out to be unreadable, of another size, or with an unknown label value.
    """
    images, labels = example_paths(examples)

    def load(sample: tf.Tensor):
        example = shuffled_index(sample, len(examples), seed)
        image, label = decode(images[example], labels[example], dataset)
        return augment(image, label, sample_seed(sample, seed), crop_size, augmentation)

    samples = tf.data.Dataset.range(first_step * batch_size, last_step * batch_size)
    batches = (
        samples.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        # Only whole batches are asked for; dropping makes the shape static, so the step is traced once.
        .batch(batch_size, drop_remainder=True)
        # The next batch is made while the network works on this one.
        .prefetch(2)
    )
    return _naming_bad_files(batches, dataset, examples)


def evaluation_examples(
    dataset: Dataset, examples: Sequence[sources.Example]
) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """Yields every example once, in order, unchanged: (uint8 [H, W, 3], train ids uint8 [H, W]).

    Raises:
      InputError: a file turns out to be unreadable, of another size, or with an unknown label value.
    """
    pictures = (
        tf.data.Dataset.from_tensor_slices(example_paths(examples))
        .map(lambda image, label: decode(image, label, dataset), num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(2)
    )
    return _naming_bad_files(pictures, dataset, examples)


def shuffled_index(sample: tf.Tensor, count: int, seed: int) -> tf.Tensor:
    """The example, int64 [] below `count`, that sample number `sample` (int64 []) of a run shows.

    Within each epoch of `count` samples the order is a permutation drawn from (seed, epoch).
    """
    epoch = tf.cast(sample // count, tf.int32)
    place = tf.cast(sample % count, tf.int32)
    order = tf.stack([tf.constant(seed, tf.int32), epoch])
    return tf.cast(tf.random.experimental.index_shuffle(place, order, count - 1), tf.int64)


def sample_seed(sample: tf.Tensor, seed: int) -> tf.Tensor:
    """The seed, int32 [2], of all that is random about sample number `sample` (int64 [])."""
    return tf.random.fold_in(tf.constant([seed, 0], tf.int32), sample)


def _naming_bad_files(batches: tf.data.Dataset, dataset: Dataset, examples: Sequence[sources.Example]) -> Iterator:
    """Iterates; when TensorFlow fails on a file, reads the examples one by one until the file is found.

    The native operators are fast but do not name the file; the strict reader is slow but does.
    """
    iterator = iter(batches)
    while True:
        try:
            batch = next(iterator)
        except StopIteration:
            return
        except (tf.errors.InvalidArgumentError, tf.errors.NotFoundError, tf.errors.PermissionDeniedError) as error:
            for example in examples:
                sources.read_example(example, dataset)
            raise InputError(f"the data set cannot be read: {error.message}") from error
        yield batch
