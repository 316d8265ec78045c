"""Exact upsampling and arg-max of logits at 1/8 to labels at full size, without interpolating most pixels.

Bilinear interpolation is a convex combination of the four corners of a cell. If one class leads at all four
corners, the class leads at every pixel of the cell. Only the other cells need interpolation. There, a class
that another class beats at all four corners wins at no pixel; the leader of one corner beats most classes so.

This holds for real numbers. In float32, a margin handles two further effects:

- Rounding can swap or equate two nearly equal values. One interpolation `a + (b - a) * t`, with
  |a|, |b| <= M and the rounding unit u = 2^-24, has an error of at most 2Mu for the difference, 2Mu for the
  product and Mu for the sum: 5Mu. Both axes give 10Mu, and two classes 20Mu. A class counts as leading, or as
  beaten, only if the distance exceeds 24Mu. All closer classes are interpolated.
- Ties go to the lowest class. A tie at a corner is within the margin, so its classes are interpolated in
  order with TensorFlow's formula, and the first of equal values is kept.

There are two implementations: `upsample_compiled` if numba is installed, otherwise `upsample_numpy`.
"""

import functools
import logging
import threading
from collections.abc import Callable

import cv2
import numpy as np

from contextnet_tf.arguments import checked_size, is_whole
from contextnet_tf.deployment import upsample_numpy
from contextnet_tf.errors import InputError

# The packages whose versions determine the speed.
DISTRIBUTIONS = ("numba", "numpy")

_logger = logging.getLogger(__name__)

_MARGIN = 24 * 2.0**-24  # of the largest absolute logit; the module's docstring derives it
_TINY = 1e-36  # covers the absolute error of products that underflow
_ROWS_AT_ONCE = 16  # by timing: with 2048 pixels and 19 classes they fit into the cache
_importing = threading.Lock()  # a thread that meets another's failing import gets another error


def upsample_argmax(logits: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Bilinear upsampling and arg-max: logits float32 [h, w, C] -> labels uint8 [H, W].

    The labels equal `tf.argmax(tf.image.resize(logits, (H, W)), -1)`: bilinear, half-pixel centers, the
    lowest of equal classes. `size` is (H, W), or an integer factor: (h * factor, w * factor).
    The logits must be finite. No temporary is as large as [H, W, C].

    Raises:
      InputError: `logits` is not a float32 [h, w, C] array with 1 to 256 classes, or `size` is not positive.
    """
    _check_logits(logits)
    height, width = _full_size(logits.shape, size)
    if (height, width) == logits.shape[:2]:
        return _argmax(logits)
    margin = _MARGIN * max(float(logits.max()), -float(logits.min())) + _TINY
    return fastest_implementation()(logits, margin, height, width)


@functools.cache
def fastest_implementation() -> Callable[[np.ndarray, float, int, int], np.ndarray]:
    """`labels_of` from `upsample_compiled` if available, otherwise from `upsample_numpy`; the labels are the same.

    The first call on a machine compiles for some seconds and caches the result for later processes. If the cache is
    not writable, nothing is compiled: every process would compile again. A warning is logged if numba is installed
    but unusable.
    """
    try:
        with _importing:
            from contextnet_tf.deployment import upsample_compiled
    except ModuleNotFoundError:  # the extra [fast] is not installed
        return upsample_numpy.labels_of
    except Exception as error:  # numba is too old for this NumPy, or its cache folder is not accessible
        _logger.warning("numba cannot be used (%s); labels are computed with NumPy, which takes longer", error)
        return upsample_numpy.labels_of
    return upsample_compiled.labels_of


def _argmax(logits: np.ndarray) -> np.ndarray:
    """`np.argmax(logits, -1)` as uint8 [h, w], in less than half the time: class by class over a few rows."""
    labels = np.empty(logits.shape[:2], np.uint8)
    for start in range(0, len(logits), _ROWS_AT_ONCE):
        rows = logits[start : start + _ROWS_AT_ONCE]
        first, *others = cv2.transpose(rows.reshape(-1, rows.shape[2]))
        best, label = first.copy(), np.zeros(first.shape, np.uint8)
        for index, plane in enumerate(others, start=1):
            np.maximum(label, (plane > best) * np.uint8(index), out=label)
            np.maximum(best, plane, out=best)
        labels[start : start + _ROWS_AT_ONCE] = label.reshape(rows.shape[:2])
    return labels


def _check_logits(logits: np.ndarray) -> None:
    if not isinstance(logits, np.ndarray):
        raise InputError(f"logits are a {type(logits).__name__}; a float32 array [h, w, classes] is needed")
    if logits.dtype != np.float32 or logits.ndim != 3 or not logits.size:
        raise InputError(f"logits are {logits.dtype} {list(logits.shape)}; float32 [h, w, classes] is needed")
    if logits.shape[2] > 256:
        raise InputError(f"logits have {logits.shape[2]} classes; labels are uint8: at most 256 are possible")


def _full_size(shape: tuple[int, ...], size: int | tuple[int, int]) -> tuple[int, int]:
    if is_whole(size):
        if size < 1:
            raise InputError(f"size {size} is not positive; give (height, width) in pixels or a whole factor")
        return shape[0] * int(size), shape[1] * int(size)
    return checked_size(size)
