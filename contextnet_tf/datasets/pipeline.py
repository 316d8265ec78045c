"""Data loading: from files to batches."""

from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from contextnet_tf.datasets import copy_paste as pasting
from contextnet_tf.datasets import sources
from contextnet_tf.datasets.appearance import vary_appearance
from contextnet_tf.datasets.augment import Augmentation, augment
from contextnet_tf.datasets.cache import ImageCache
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.example_reader import ExampleReader
from contextnet_tf.datasets.sampling import (
    ClassUniform,
    class_uniform_index,
    sample_number,
    sample_seed,
    shuffled_index,
)
from contextnet_tf.datasets.uninterrupted import Uninterrupted
from contextnet_tf.datasets.windows import ANYWHERE
from contextnet_tf.errors import InputError

# Salts of the seeds of changes that are not part of `augment`.
_PASTED, _PASTE, _APPEARANCE = 1, 2, 3


def training_batches(
    dataset: Dataset,
    examples: Sequence[sources.Example],
    *,
    cache: ImageCache | None = None,
    **plan: Any,
) -> Iterator[dict[str, tf.Tensor]]:
    """Yields the batches of `training_dataset`, which takes the same arguments; errors name the bad file.

    Raises:
      InputError: the batch is not divisible by `workers`; a file is unreadable, differs in size from its partner,
        or has an unknown label value; or the cache is not writable.
    """
    read = ExampleReader(dataset, examples)
    return _naming_bad_files(training_dataset(dataset, examples, cache=cache, read=read, **plan), read, cache)


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
    class_uniform: ClassUniform | None = None,
    copy_paste: pasting.CopyPaste | None = None,
    cache: ImageCache | None = None,
    read: ExampleReader | None = None,
    num_parallel_calls: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """The batches of steps `first_step` to `last_step` - 1.

    Sample k of a run (k = step * batch_size + index in the batch) belongs to epoch k // n of the n
    examples. Order and augmentation are functions of (seed, k), so a resumed run reads the same
    batches as an uninterrupted one.

    Args:
      dataset, examples: the dataset, and its examples to read.
      augmentation: ranges of the random changes.
      crop_size: (height, width) of the images of a batch.
      batch_size: images per step, over all workers.
      seed: seed of order and augmentation.
      first_step, last_step: range of steps of the run, from 0; earlier steps are skipped without reading.
      worker, workers: the batch is split into `workers` equal parts, and this is part `worker`. The parts
        concatenated are the batch of a single worker.
      class_uniform: class-uniform sampling; None: each epoch shows each example once.
      copy_paste: pastes rare objects into a share of the samples; None: into none.
      cache: cache of exactly these examples; None: every sample is decoded from its files.
      read: the reader of exactly these examples, which then holds the reason of a failure; None: a new one.
      num_parallel_calls: samples made in parallel; does not affect the result.

    Returns:
      A dataset of batches: "image" float32 [B / workers, height, width, 3] in [0, 1], "label" uint8 [B / workers,
      height, width] train ids. Its errors do not name a bad file; those of `training_batches` do.

    Raises:
      InputError: the batch is not divisible by `workers`.
    """
    part_size = _part_of_batch(batch_size, worker, workers)
    reader = read or ExampleReader(dataset, examples)

    def loaded(example: tf.Tensor):
        return cache.through(example, lambda: reader(example)) if cache else reader(example)

    def cropped(example: tf.Tensor, seeds: tf.Tensor, center: tf.Tensor):
        image, label = loaded(example)
        return augment(image, label, seeds, crop_size, augmentation, center)

    def pasted(places: ClassUniform, sample: tf.Tensor, image: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor):
        example, center, train_id = pasting.donor(sample, seed, places)
        donor_image, donor_label = cropped(example, seeds, center)
        return pasting.paste(image, label, donor_image, donor_label, train_id)

    def load(number: tf.Tensor):
        sample = sample_number(number, batch_size, worker, workers)
        example, center = _shown(sample, len(examples), seed, class_uniform)
        own_seed = sample_seed(sample, seed)
        image, label = cropped(example, own_seed, center)
        # Seeds of further changes are folded in, so that without them the samples stay the same.
        if copy_paste:
            chance, change = (tf.random.fold_in(own_seed, number) for number in (_PASTED, _PASTE))
            image, label = tf.cond(
                pasting.is_pasted(chance, copy_paste.fraction),
                lambda: pasted(copy_paste.places, sample, image, label, change),
                lambda: (image, label),
            )
        if augmentation.varies_appearance:
            image = vary_appearance(image, tf.random.fold_in(own_seed, _APPEARANCE), augmentation)
        return {"image": image, "label": label}

    numbers = tf.data.Dataset.range(first_step * part_size, last_step * part_size)
    return (
        numbers.map(load, num_parallel_calls=num_parallel_calls, deterministic=True)
        # There is no remainder; `drop_remainder` makes the shape static, so that the step is traced once.
        .batch(part_size, drop_remainder=True)
        # Data loading overlaps with the training step.
        .prefetch(2)
        .with_options(_options())
    )


def evaluation_examples(dataset: Dataset, examples: Sequence[sources.Example]) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """Yields every example once, in order, without augmentation: (uint8 [H, W, 3], train ids uint8 [H, W]).

    Raises:
      InputError: a file is unreadable, differs in size from its partner, or has an unknown label value.
    """
    read = ExampleReader(dataset, examples)
    return _naming_bad_files(evaluation_dataset(dataset, examples, read=read), read)


def evaluation_dataset(
    dataset: Dataset,
    examples: Sequence[sources.Example],
    *,
    read: ExampleReader | None = None,
    num_parallel_calls: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Every example once, in order, without augmentation: (uint8 [H, W, 3], train ids uint8 [H, W]). Its errors do
    not name a bad file; those of `evaluation_examples` do."""
    return (
        tf.data.Dataset.range(len(examples))
        .map(read or ExampleReader(dataset, examples), num_parallel_calls=num_parallel_calls)
        .prefetch(2)
        .with_options(_options())
    )


def _options() -> tf.data.Options:
    """Without autotuning, whose thread may delay the end of an iterator by minutes. AUTOTUNE then means one call per
    thread of TensorFlow."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def _part_of_batch(batch_size: int, worker: int, workers: int) -> int:
    """The number of images of a batch per worker."""
    if not 0 <= worker < workers:
        raise InputError(f"worker {worker} of {workers}: workers are numbered from 0 to {workers - 1}")
    if batch_size % workers:
        raise InputError(
            f"batches of {batch_size} cannot be split into {workers} even parts; give a multiple of {workers}"
        )
    return batch_size // workers


def _shown(sample: tf.Tensor, count: int, seed: int, class_uniform: ClassUniform | None):
    """The index of a sample's example, int64 [], and the center of its crop, int32 [2]."""
    if class_uniform is None:
        return shuffled_index(sample, count, seed), tf.constant(ANYWHERE)
    return class_uniform_index(sample, count, seed, class_uniform)


def _naming_bad_files(batches: tf.data.Dataset, read: ExampleReader, cache: ImageCache | None = None) -> Iterator:
    """Iterates over `batches`. When TensorFlow fails, raises the reader's or the cache's own error instead."""
    try:
        yield from Uninterrupted(batches)
    except tf.errors.OpError as error:
        if cache and cache.failure:
            raise InputError(f"the cache cannot be written: {cache.failure}") from error
        if read.failure:
            raise read.failure from error
        raise
