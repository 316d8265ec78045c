"""Which example a sample shows, as a function of (seed, sample number): no state, nothing to restore.

Sample k of a run belongs to epoch k // n of the n examples. Class-uniform sampling (Zhu et al., 2019,
"Improving Semantic Segmentation via Video Propagation and Label Relaxation") gives a share of the samples
to the classes in turn: such a sample is a crop about a place where its class is, so that rare classes are
seen as often as frequent ones.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.windows import ANYWHERE

_ORDER_OF_CLASSES = -1  # salts the order of the classes; that of a class' places is salted with its number


@dataclasses.dataclass(frozen=True)
class ClassUniform:
    """Where each class is, and which share of the samples the classes get.

    Places first[c] to first[c] + counts[c] - 1 are those of class c; a class that never occurs has none.
    `statistics.class_uniform_fraction` finds them in the labels.
    """

    share: float  # above 0, at most 1; 0.5: every second sample
    examples: np.ndarray  # int64 [P], the example that a place is in
    centers: np.ndarray  # int32 [P, 2], (y, x) in pixels of its image
    first: np.ndarray  # int64 [C]
    counts: np.ndarray  # int64 [C]


def sample_number(number: tf.Tensor, batch_size: int, worker: int, workers: int) -> tf.Tensor:
    """The number in the run, int64 [], of the sample that a worker makes as its own `number` (int64 []).

    The batch of a step is cut into as many even parts as there are workers; each makes one of them.
    """
    part_size = batch_size // workers
    return number // part_size * batch_size + worker * part_size + number % part_size


def sample_seed(sample: tf.Tensor, seed: int) -> tf.Tensor:
    """The seed, int32 [2], of all that is random about sample number `sample` (int64 [])."""
    return tf.random.fold_in(tf.constant([seed, 0], tf.int32), sample)


def shuffled_index(sample: tf.Tensor, count: int, seed: int) -> tf.Tensor:
    """The example, int64 [] below `count`, that sample number `sample` (int64 []) of a run shows.

    Within each epoch of `count` samples the order is a permutation drawn from (seed, epoch).
    """
    return _shuffled(sample, count, seed)


def class_uniform_index(sample: tf.Tensor, count: int, seed: int, classes: ClassUniform) -> tuple[tf.Tensor, tf.Tensor]:
    """What sample number `sample` (int64 []) shows when a share of the samples is given to the classes in turn.

    Each round over the classes, and each over the places of one class, is in an order of its own. The other
    samples go through the epochs as without classes.

    Returns:
      (example int64 [] below `count`, center of the crop int32 [2]; ANYWHERE for the other samples).
    """
    aimed_before = _floor_share(sample, classes.share)
    is_aimed = _floor_share(sample + 1, classes.share) > aimed_before
    present = tf.constant(np.flatnonzero(classes.counts), tf.int64)
    turns = len(present)
    chosen_class = present[_shuffled(aimed_before, turns, seed, _ORDER_OF_CLASSES)]
    counts, first = tf.constant(classes.counts), tf.constant(classes.first)
    place = first[chosen_class] + _shuffled(aimed_before // turns, counts[chosen_class], seed, chosen_class)
    plain = shuffled_index(sample - aimed_before, count, seed)
    return (
        tf.where(is_aimed, tf.constant(classes.examples)[place], plain),
        tf.where(is_aimed, tf.constant(classes.centers)[place], tf.constant(ANYWHERE)),
    )


def _floor_share(sample: tf.Tensor, share: float) -> tf.Tensor:
    """How many of the first `sample` samples are given to the classes."""
    return tf.cast(tf.floor(tf.cast(sample, tf.float64) * share), tf.int64)


def _shuffled(number: tf.Tensor, count: int | tf.Tensor, seed: int, *salt: int | tf.Tensor) -> tf.Tensor:
    """The number below `count` (int64 []) at place `number` % `count` in the order of round `number` // `count`."""
    count = tf.cast(count, tf.int64)
    key = tf.stack([tf.constant(seed, tf.int32), tf.cast(number // count, tf.int32)])
    for part in salt:
        key = tf.random.fold_in(key, part)
    return tf.random.experimental.index_shuffle(number % count, key, count - 1)
