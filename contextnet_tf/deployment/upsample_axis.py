"""Maps the pixels of one axis to the neighboring low-resolution logits."""

import functools
from typing import NamedTuple

import numpy as np


class Axis(NamedTuple):
    """One axis, cut into cells between neighboring logits. Each cell holds at least one pixel.

    `lower`, `upper`: int64 [cells], the indices of the logits on either side (equal beyond the border).
    `start`, `count`: int64 [cells], the first pixel and the number of pixels of the cell.
    `lerp`: float32 [pixels], the weight of `upper`.
    """

    lower: np.ndarray
    upper: np.ndarray
    start: np.ndarray
    count: np.ndarray  # type: ignore[assignment]  # hides tuple.count, which has no use here
    lerp: np.ndarray


@functools.lru_cache
def axis(small: int, large: int, longest: int | None = None) -> Axis:
    """The cells between `small` logits for `large` pixels; computed in float32, as in TensorFlow.

    Cells of more than `longest` pixels are split.
    """
    scale = np.float32(small) / np.float32(large)
    pixel = np.arange(large)
    position = (pixel.astype(np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    floor = np.floor(position)
    first = np.searchsorted(floor, floor)  # the first pixel in the same cell
    start = np.flatnonzero((pixel - first) % (longest or large) == 0)
    cell = floor[start].astype(np.int64)
    count = np.diff(start, append=large)
    return Axis(np.maximum(cell, 0), np.minimum(cell + 1, small - 1), start, count, position - floor)
