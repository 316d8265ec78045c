"""Compiled upsampling and arg-max: one pass over the cells. Needs numba, the extra [fast].

The module `upsample` explains why the result is exact. Do not compile with `fastmath`: its rounding differs from
TensorFlow's.
"""

import numba
import numpy as np
from numba import types

from contextnet_tf.deployment.upsample_axis import Axis, axis

# Cells are cut into tiles of at most this many pixels a side, and every tile is computed at full size: the compiler
# vectorizes loops of constant length. A cell of logits at 1/8 is one tile.
_SIDE = 8
_PIXELS = _SIDE * _SIDE

_INDICES = types.Array(types.int64, 1, "C")
_WEIGHTS = types.Array(types.float32, 1, "C")
_AXIS = types.NamedTuple([_INDICES, _INDICES, _INDICES, _INDICES, _WEIGHTS], Axis)
_LOGITS = types.Array(types.float32, 3, "C", readonly=True)
_LABELS = types.Array(types.uint8, 2, "C")


def labels_of(logits: np.ndarray, margin: float, height: int, width: int) -> np.ndarray:
    """Logits float32 [h, w, C] -> labels uint8 [height, width]; see `upsample_argmax`.

    Classes that differ by more than `margin` keep their order at every pixel of a cell.
    """
    logits = np.require(logits, requirements=["C_CONTIGUOUS", "ALIGNED"])
    rows, columns = axis(logits.shape[0], height, _SIDE), axis(logits.shape[1], width, _SIDE)
    return _labels(logits, np.float32(margin), rows, columns)


@numba.njit
def _leaders(logits, margin):
    """The leading class at each of [h, w, C] logits, int16 [h, w]; its complement if the lead is at most `margin`."""
    leaders = np.empty(logits.shape[:2], np.int16)
    for y in range(logits.shape[0]):
        for x in range(logits.shape[1]):
            first, second, leader = logits[y, x, 0], np.float32(-np.inf), np.int32(0)
            for index in range(1, logits.shape[2]):
                value = logits[y, x, index]
                second = max(second, min(first, value))
                leader = np.int32(index) if value > first else leader
                first = max(first, value)
            leaders[y, x] = leader if first - second > margin else ~leader
    return leaders


@numba.njit
def _tile_weights(axis, step):
    """The weights of each tile along an axis: float32 [tiles, pixels of a tile]; `step` pixels share a weight."""
    weights = np.zeros((len(axis.start), _PIXELS), np.float32)
    for tile in range(len(axis.start)):
        for pixel in range(_PIXELS):
            place = pixel // step % _SIDE
            if place < axis.count[tile]:
                weights[tile, pixel] = axis.lerp[axis.start[tile] + place]
    return weights


@numba.njit
def _unbeaten(corners, margin, first, last, classes):
    """Writes the classes that neither `first` nor `last` beats at all corners to `classes`; returns their number."""
    a, b, c, d = corners
    a1, b1, c1, d1 = a[first] - margin, b[first] - margin, c[first] - margin, d[first] - margin
    a2, b2, c2, d2 = a[last] - margin, b[last] - margin, c[last] - margin, d[last] - margin
    found = 0
    for index in range(len(a)):
        # Branch-free, since branches would be unpredictable.
        by_first = (a[index] < a1) & (b[index] < b1) & (c[index] < c1) & (d[index] < d1)
        by_last = (a[index] < a2) & (b[index] < b2) & (c[index] < c2) & (d[index] < d2)
        classes[found] = index
        found += not (by_first | by_last)
    return found


@numba.njit
def _interpolate(corners, classes, x_weights, y_weights, best, winner):
    """Writes the arg-max over `classes` at each pixel of a tile to `winner`, uint8; `best` is a buffer for values."""
    top_left, top_right, bottom_left, bottom_right = corners
    best[:], winner[:] = -np.inf, classes[0]
    for label in classes:
        left, right = top_left[label], top_right[label] - top_left[label]
        low_left, low_right = bottom_left[label], bottom_right[label] - bottom_left[label]
        for pixel in range(_PIXELS):
            # TensorFlow's formula and order: along x, then along y.
            top = left + right * x_weights[pixel]
            bottom = low_left + low_right * x_weights[pixel]
            value = top + (bottom - top) * y_weights[pixel]
            better = value > best[pixel]
            best[pixel] = value if better else best[pixel]
            winner[pixel] = label if better else winner[pixel]


@numba.njit
def _fill(band, start, label):
    """Fills a tile of `band`, starting at the column `start`, with one label."""
    # Unsigned indices avoid the test for negative indices.
    for y in range(_SIDE):
        for x in range(_SIDE):
            band[np.uintp(y), start + np.uintp(x)] = label


@numba.njit
def _copy(band, start, winner):
    """Copies the labels of a tile to `band`, starting at the column `start`."""
    for y in range(_SIDE):
        for x in range(_SIDE):
            band[np.uintp(y), start + np.uintp(x)] = winner[y * _SIDE + x]


# With a signature, numba compiles at import: once, regardless of the number of threads.
@numba.njit(_LABELS(_LOGITS, types.float32, _AXIS, _AXIS), nogil=True, cache=True)
def _labels(logits, margin, rows, columns):
    """Logits float32 [h, w, C] -> labels uint8 [H, W], tile by tile."""
    height, width = len(rows.lerp), len(columns.lerp)
    leaders = _leaders(logits, margin)
    x_weights, y_weights = _tile_weights(columns, 1), _tile_weights(rows, _SIDE)
    classes = np.empty(logits.shape[2], np.uint8)
    best, winner = np.empty(_PIXELS, np.float32), np.empty(_PIXELS, np.uint8)
    labels = np.empty((height, width), np.uint8)
    # A row of tiles. Each tile is written at full size; the next tile overwrites the excess, or it is not copied.
    band = np.empty((_SIDE, width + _SIDE), np.uint8)
    for row in range(len(rows.start)):
        top, bottom = rows.lower[row], rows.upper[row]
        for column in range(len(columns.start)):
            left, right = columns.lower[column], columns.upper[column]
            start = np.uintp(columns.start[column])
            first, last = leaders[top, left], leaders[bottom, right]
            if first >= 0 and first == last == leaders[top, right] == leaders[bottom, left]:
                _fill(band, start, np.uint8(first))
                continue
            corners = logits[top, left], logits[top, right], logits[bottom, left], logits[bottom, right]
            found = _unbeaten(corners, margin, max(first, ~first), max(last, ~last), classes)
            _interpolate(corners, classes[:found], x_weights[column], y_weights[row], best, winner)
            _copy(band, start, winner)
        for y in range(rows.count[row]):
            labels[rows.start[row] + y] = band[y, :width]
    return labels
