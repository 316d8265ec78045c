"""The pixels of one axis and the small logits that they lie between."""

import functools
from typing import NamedTuple

import numpy as np


class Axis(NamedTuple):
    """One axis, cut into the cells between neighboring logits that hold at least one pixel.

    `lower`, `upper`: int64 [cells], the logits on either side (the same one beyond the border).
    `start`, `count`: int64 [cells], the cell's first pixel and its number of pixels.
    `lerp`: float32 [pixels], the weight of `upper`.
    """

    lower: np.ndarray
    upper: np.ndarray
    start: np.ndarray
    count: np.ndarray  # type: ignore[assignment]  # hides tuple.count, which nobody wants of an axis
    lerp: np.ndarray


@functools.lru_cache
def axis(small: int, large: int, longest: int | None = None) -> Axis:
    """The cells between `small` logits that `large` pixels lie in; in float32, as TensorFlow counts.

    Cells of more than `longest` pixels are cut into several.
    """
    scale = np.float32(small) / np.float32(large)
    pixel = np.arange(large)
    position = (pixel.astype(np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    floor = np.floor(position)
    first = np.searchsorted(floor, floor)  # of the pixels in the same cell
    start = np.flatnonzero((pixel - first) % (longest or large) == 0)
    cell = floor[start].astype(np.int64)
    count = np.diff(start, append=large)
    return Axis(np.maximum(cell, 0), np.minimum(cell + 1, small - 1), start, count, position - floor)
