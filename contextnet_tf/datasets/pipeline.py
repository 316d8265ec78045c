"""The order of the steps from files to batches, each with its reason."""

from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.augment import Augmentation, augment
from contextnet_tf.datasets.cache import ImageCache
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.decode import decode, example_paths
from contextnet_tf.datasets.sampling import (
    ClassUniform,
    class_uniform_index,
    sample_number,
    sample_seed,
    shuffled_index,
)
from contextnet_tf.datasets.windows import ANYWHERE
from contextnet_tf.errors import InputError

# What TensorFlow says of a file that is not there, may not be read, or holds something else.
_BAD_FILE = (tf.errors.InvalidArgumentError, tf.errors.NotFoundError, tf.errors.PermissionDeniedError)


def training_batches(
    dataset: Dataset,
    examples: Sequence[sources.Example],
    *,
    cache: ImageCache | None = None,
    **plan: Any,
) -> Iterator[dict[str, tf.Tensor]]:
    """Yields the batches of `training_dataset`, which takes the same arguments, and names files that are bad.

    Raises:
      InputError: the batch cannot be cut into so many parts; a file turns out to be unreadable, of another
        size, or with an unknown label value; or the cache cannot be written any more.
    """
    batches = training_dataset(dataset, examples, cache=cache, **plan)
    return _naming_bad_files(batches, dataset, examples, cache)


def training_dataset(
    dataset: Dataset,
    examples: Sequence[sources.Example],
    *,
    augmentation: Augmentation,
    crop_size: tuple[int, int],
    batch_size: int,
    seed: int,
    first_step: int,
    last_step: int,
    worker: int = 0,
    workers: int = 1,
    class_uniform_fraction: ClassUniform | None = None,
    cache: ImageCache | None = None,
    num_parallel_calls: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """The batches of steps `first_step` to `last_step` - 1.

    Sample k of a run (k = step * batch_size + place in the batch) belongs to epoch k // n of the n
    examples and is augmented with a seed of its own: order and augmentation are functions of (seed, k),
    so the batches of a step are the same whatever step the run was started at.

    Args:
      dataset, examples: what is read.
      augmentation: how far each image may be changed.
      crop_size: (height, width) of the images of a batch.
      batch_size: images in a step, of all workers together.
      seed: of order and augmentation.
      first_step, last_step: steps of the run, from 0; those before are not read.
      worker, workers: the batch of a step is cut into `workers` even parts, and this is part `worker`: one
        after the other, the parts of all workers are the batch that one worker alone has.
      class_uniform: gives a share of the samples to the classes in turn; None: each epoch shows each example once.
      cache: of these very examples, decoded; None: files are decoded whenever they are shown.
      num_parallel_calls: how many samples are made at once; it does not change what comes out.

    Returns:
      A dataset of batches: "image" float32 [B / workers, height, width, 3] in [0, 1], "label" uint8 [B / workers,
      height, width] train ids. On a bad file it fails without naming it; `training_batches` does.

    Raises:
      InputError: the batch cannot be cut into so many parts.
    """
    part_size = _part_of_batch(batch_size, worker, workers)
    images, labels = example_paths(examples)

    def load(number: tf.Tensor):
        sample = sample_number(number, batch_size, worker, workers)
        example, center = _shown(sample, len(examples), seed, class_uniform_fraction)

        def read():
            return decode(images[example], labels[example], dataset)

        image, label = cache.through(example, read) if cache else read()
        image, label = augment(image, label, sample_seed(sample, seed), crop_size, augmentation, center)
        return {"image": image, "label": label}

    numbers = tf.data.Dataset.range(first_step * part_size, last_step * part_size)
    return (
        numbers.map(load, num_parallel_calls=num_parallel_calls, deterministic=True)
        # Only whole batches are asked for; dropping makes the shape static, so the step is traced once.
        .batch(part_size, drop_remainder=True)
        # The next batch is made while the network works on this one.
        .prefetch(2)
    )


def evaluation_examples(dataset: Dataset, examples: Sequence[sources.Example]) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """Yields every example once, in order, unchanged: (uint8 [H, W, 3], train ids uint8 [H, W]).

    Raises:
      InputError: a file turns out to be unreadable, of another size, or with an unknown label value.
    """
    return _naming_bad_files(evaluation_dataset(dataset, examples), dataset, examples)


def evaluation_dataset(
    dataset: Dataset, examples: Sequence[sources.Example], *, num_parallel_calls: int = tf.data.AUTOTUNE
) -> tf.data.Dataset:
    """Every example once, in order, unchanged: (uint8 [H, W, 3], train ids uint8 [H, W]). On a bad file it fails
    without naming it; `evaluation_examples` does."""
    return (
        tf.data.Dataset.from_tensor_slices(example_paths(examples))
        .map(lambda image, label: decode(image, label, dataset), num_parallel_calls=num_parallel_calls)
        .prefetch(2)
    )


def _part_of_batch(batch_size: int, worker: int, workers: int) -> int:
    """How many images of a batch each worker makes."""
    if not 0 <= worker < workers:
        raise InputError(f"worker {worker} of {workers}: workers are numbered from 0 to {workers - 1}")
    if batch_size % workers:
        raise InputError(
            f"batches of {batch_size} cannot be cut into {workers} even parts; give a multiple of {workers}"
        )
    return batch_size // workers


def _shown(sample: tf.Tensor, count: int, seed: int, class_uniform_fraction: ClassUniform | None):
    """The example that a sample shows, and what its crop is centered on."""
    if class_uniform_fraction is None:
        return shuffled_index(sample, count, seed), tf.constant(ANYWHERE)
    return class_uniform_index(sample, count, seed, class_uniform_fraction)


def _naming_bad_files(
    batches: tf.data.Dataset,
    dataset: Dataset,
    examples: Sequence[sources.Example],
    cache: ImageCache | None = None,
) -> Iterator:
    """Iterates; when TensorFlow fails on a file, reads the examples one by one until the file is found.

    The native operators are fast but do not name the file; the strict reader is slow but does.
    """
    iterator = iter(batches)
    while True:
        try:
            batch = next(iterator)
        except StopIteration:
            return
        except tf.errors.OpError as error:
            if cache and cache.failure:
                raise InputError(f"the cache cannot be written: {cache.failure}") from error
            if not isinstance(error, _BAD_FILE):
                raise
            for example in examples:
                sources.read_example(example, dataset)
            raise InputError(f"the dataset cannot be read: {error.message}") from error
        yield batch
