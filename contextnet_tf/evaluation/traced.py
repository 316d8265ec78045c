"""A function of an image as TensorFlow graphs, one per image size, of which only some are kept."""

import collections
import threading
from collections.abc import Callable

import numpy as np
import tensorflow as tf

_MOST_SIZES = 8  # a graph of cn14 takes 14 MB


class TracedPerSize:
    """Runs `function`, uint8 [H, W, 3] -> tensor, as a graph with static sizes, which Keras' upsampling needs.

    The graphs of the sizes used last are kept; tracing another takes a second or two. Thread-safe.
    """

    def __init__(self, function: Callable[[tf.Tensor], tf.Tensor]):
        self._function, self._lock = function, threading.Lock()
        self._graphs: collections.OrderedDict[tuple[int, int], Callable[[tf.Tensor], tf.Tensor]]
        self._graphs = collections.OrderedDict()

    def __call__(self, image: np.ndarray | tf.Tensor) -> tf.Tensor:
        """The function of one image."""
        height, width = image.shape[:2]
        with self._lock:
            graph = self._graphs.pop((height, width), None)
            if graph is None:
                # The concrete function: TensorFlow would print a page of advice on tracing for the other kind.
                signature = [tf.TensorSpec([height, width, 3], tf.uint8)]
                graph = tf.function(self._function, signature, autograph=False).get_concrete_function()
            self._graphs[height, width] = graph
            if len(self._graphs) > _MOST_SIZES:
                self._graphs.popitem(last=False)
        return graph(tf.convert_to_tensor(image))
