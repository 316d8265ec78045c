"""Sampling as a function of (seed, sample number): stateless, so a resumed run needs nothing restored.

Sample k of a run belongs to epoch k // n of the n examples. Class-uniform sampling (Zhu et al., 2019,
"Improving Semantic Segmentation via Video Propagation and Label Relaxation") assigns a share of the samples
to the classes in turn. Such a sample is a crop centered on its class, so rare classes are sampled as often
as frequent ones.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.windows import ANYWHERE

_ORDER_OF_CLASSES = -1  # salt of the order of classes; the order of a class's places is salted with its train id


@dataclasses.dataclass(frozen=True)
class ClassUniform:
    """The places of each class, and the share of samples assigned to classes.

    Class c has the places first[c] to first[c] + counts[c] - 1; a class that never occurs has none.
    `statistics.class_statistics` computes the places from the labels.
    """

    share: float  # above 0, at most 1; 0.5: every second sample is class-uniform
    examples: np.ndarray  # int64 [P], index of each place's example
    centers: np.ndarray  # int32 [P, 2], (y, x) in image pixels
    first: np.ndarray  # int64 [C]
    counts: np.ndarray  # int64 [C]


def sample_number(number: tf.Tensor, batch_size: int, worker: int, workers: int) -> tf.Tensor:
    """Converts a worker's own sample `number` (int64 []) to the sample number in the run, int64 [].

    Each worker makes one of `workers` equal parts of every batch.
    """
    part_size = batch_size // workers
    return number // part_size * batch_size + worker * part_size + number % part_size


def sample_seed(sample: tf.Tensor, seed: int) -> tf.Tensor:
    """The augmentation seed, int32 [2], of sample number `sample` (int64 [])."""
    return tf.random.fold_in(tf.constant([seed, 0], tf.int32), sample)


def shuffled_index(sample: tf.Tensor, count: int, seed: int) -> tf.Tensor:
    """The example index, int64 [] below `count`, of sample number `sample` (int64 []).

    The order within each epoch of `count` samples is a permutation drawn from (seed, epoch).
    """
    return _shuffled(sample, count, seed)


def class_uniform_index(sample: tf.Tensor, count: int, seed: int, classes: ClassUniform) -> tuple[tf.Tensor, tf.Tensor]:
    """The example and crop center of sample number `sample` (int64 []) under class-uniform sampling.

    Each round over the classes, and each round over the places of one class, has a new random order. Samples not
    assigned to a class run through the epochs as in `shuffled_index`.

    Returns:
      (example index int64 [] below `count`, crop center int32 [2]; ANYWHERE for samples without a class).
    """
    aimed_before = _floor_share(sample, classes.share)
    is_aimed = _floor_share(sample + 1, classes.share) > aimed_before
    place, _ = class_place(aimed_before, seed, classes)
    plain = shuffled_index(sample - aimed_before, count, seed)
    return (
        tf.where(is_aimed, tf.constant(classes.examples)[place], plain),
        tf.where(is_aimed, tf.constant(classes.centers)[place], tf.constant(ANYWHERE)),
    )


def class_place(number: tf.Tensor, seed: int, classes: ClassUniform, *salt: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Place `number` (int64 []) of a series that takes the classes in turn: (index of the place, train id), int64 [].

    `salt` distinguishes several series of one run.
    """
    present = tf.constant(np.flatnonzero(classes.counts), tf.int64)
    turns = len(present)
    train_id = present[_shuffled(number, turns, seed, *salt, _ORDER_OF_CLASSES)]
    counts, first = tf.constant(classes.counts), tf.constant(classes.first)
    return first[train_id] + _shuffled(number // turns, counts[train_id], seed, *salt, train_id), train_id


def _floor_share(sample: tf.Tensor, share: float) -> tf.Tensor:
    """The number of class-uniform samples among the first `sample` samples."""
    return tf.cast(tf.floor(tf.cast(sample, tf.float64) * share), tf.int64)


def _shuffled(number: tf.Tensor, count: int | tf.Tensor, seed: int, *salt: int | tf.Tensor) -> tf.Tensor:
    """Element `number` % `count` of the random permutation of round `number` // `count`, int64 [] below `count`."""
    count = tf.cast(count, tf.int64)
    key = tf.stack([tf.constant(seed, tf.int32), tf.cast(number // count, tf.int32)])
    for part in salt:
        key = tf.random.fold_in(key, part)
    return tf.random.experimental.index_shuffle(number % count, key, count - 1)
