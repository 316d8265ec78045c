"""Graphs per image size: the values, and how many are kept."""

import gc
import weakref

import numpy as np
import tensorflow as tf

from contextnet_tf.evaluation import traced
from contextnet_tf.evaluation.traced import TracedPerSize


def test_each_size_is_traced_once_and_old_ones_are_dropped():
    sizes = []

    def brightest(image):
        assert None not in image.shape
        sizes.append(tuple(image.shape[:2]))
        return tf.reduce_max(image)

    run = TracedPerSize(brightest)
    for height in (1, 2, 1, 2):
        image = np.zeros((height, 5, 3), np.uint8)
        image[0, 3] = 10 * height
        assert run(image).numpy() == 10 * height
        assert run(tf.constant(image)).numpy() == 10 * height
    assert sizes == [(1, 5), (2, 5)]
    kept = weakref.ref(run._graphs[1, 5])
    for height in range(3, traced._MOST_SIZES + 2):
        run(np.zeros((height, 5, 3), np.uint8))
        run(np.zeros((2, 5, 3), np.uint8))  # used all the time
    gc.collect()
    assert kept() is None and len(run._graphs) == traced._MOST_SIZES
    assert sizes.count((2, 5)) == 1
    run(np.zeros((1, 5, 3), np.uint8))
    assert sizes.count((1, 5)) == 2
