"""Upsampling and arg-max in NumPy: first the cells with one leading class, then the cells that need interpolation.

The module `upsample` explains why the result is exact.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from contextnet_tf.deployment.upsample_axis import Axis, axis

_CELLS_AT_ONCE = 1024  # by timing: the temporaries of a chunk (8 x 8 pixels a cell) fit into the cache


def labels_of(logits: np.ndarray, margin: float, height: int, width: int) -> np.ndarray:
    """Logits float32 [h, w, C] -> labels uint8 [height, width]; see `upsample_argmax`.

    Classes that differ by more than `margin` keep their order at every pixel of a cell.
    """
    rows, columns = axis(logits.shape[0], height), axis(logits.shape[1], width)
    # OpenCV transposes three times as fast as NumPy.
    planes = cv2.transpose(logits.reshape(-1, logits.shape[2])).reshape(-1, *logits.shape[:2])

    leaders, clear = _leaders(planes, margin)
    marked = np.where(clear, leaders, -1)
    top, bottom = marked[rows.lower], marked[rows.upper]
    top_left = top[:, columns.lower]
    settled = top_left >= 0
    for corner in (top[:, columns.upper], bottom[:, columns.lower], bottom[:, columns.upper]):
        settled &= top_left == corner

    labels = np.repeat(np.repeat(top_left.astype(np.uint8), columns.count, axis=1), rows.count, axis=0)
    row, column = np.nonzero(~settled)
    flat_planes, flat_leaders = planes.reshape(len(planes), -1), leaders.reshape(-1).astype(np.int64)
    heights, widths = rows.count[row], columns.count[column]
    for height in np.unique(heights):
        for width in np.unique(widths):
            chosen = (heights == height) & (widths == width)
            if chosen.any():
                cells = _cells(rows, columns, row[chosen], column[chosen], logits.shape[1])
                _interpolate(flat_planes, margin, flat_leaders, cells, labels)
    return labels


class _Cells(NamedTuple):
    """n cells of one size, height x width pixels.

    `corners`: int64 [4, n], indices of their logits in [h * w]: top left, top right, bottom left, bottom right.
    `y`, `x`: int64 [n], the first pixel of each cell.
    `y_lerp`, `x_lerp`: float32 [height, n] and [width, n], the weights of the lower and of the right corners;
    [height, 1] and [width, 1] if all cells have the same weights.
    """

    corners: np.ndarray
    y: np.ndarray
    x: np.ndarray
    y_lerp: np.ndarray
    x_lerp: np.ndarray


def _cells(rows: Axis, columns: Axis, row: np.ndarray, column: np.ndarray, stride: int) -> _Cells:
    """The cells at the indices `row` and `column` along the axes, over logits with `stride` values per row."""
    top, bottom = rows.lower[row] * stride, rows.upper[row] * stride
    left, right = columns.lower[column], columns.upper[column]
    corners = np.stack([top + left, top + right, bottom + left, bottom + right])
    return _Cells(corners, rows.start[row], columns.start[column], _lerps(rows, row), _lerps(columns, column))


def _lerps(axis: Axis, cells: np.ndarray) -> np.ndarray:
    """The weights float32 [pixels, n] of `cells` of one size; [pixels, 1] if all have the same weights."""
    size = axis.count[cells[0]]
    lerps = axis.lerp[axis.start[axis.count == size] + np.arange(size)[:, None]]
    if (lerps == lerps[:, :1]).all():
        return lerps[:, :1]
    return axis.lerp[axis.start[cells] + np.arange(size)[:, None]]


def _leaders(planes: np.ndarray, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """The leading class at each of [C, h, w] logits, int16 [h, w], and whether it leads by more than `margin`."""
    first = planes[0].copy()
    second = np.full_like(first, -np.inf)
    leader = np.zeros(first.shape, np.int16)
    for index, plane in enumerate(planes[1:], start=1):
        np.maximum(leader, (plane > first) * np.int16(index), out=leader)
        np.maximum(second, np.minimum(first, plane), out=second)
        np.maximum(first, plane, out=first)
    return leader, first - second > margin


def _interpolate(planes: np.ndarray, margin: float, leaders: np.ndarray, cells: _Cells, labels: np.ndarray) -> None:
    """Computes the pixels of `cells` from logits [C, h * w] and leaders [h * w]; writes them to `labels`."""
    shape = len(cells.y_lerp), len(cells.x_lerp)
    windows, x = _windows(labels, shape, cells.x)
    flat, plane = planes.reshape(-1), planes.shape[1]
    for at, classes in _candidates(planes, margin, leaders, cells.corners):
        corners = flat.take(cells.corners[:, None, at] + classes * plane)
        y_lerp, x_lerp = (x if x.shape[1] == 1 else x[:, at] for x in (cells.y_lerp, cells.x_lerp))
        block = _best_classes(corners, classes.astype(np.uint8), y_lerp, x_lerp)
        block = cv2.transpose(np.ascontiguousarray(block).reshape(-1, block.shape[2]))
        windows[cells.y[at], x[at]] = block.view(windows.dtype).reshape(-1, *windows.shape[2:])


def _windows(labels: np.ndarray, shape: tuple[int, int], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A view of all windows of `shape` in the labels, by first pixel, and the view's column indices of the columns `x`.

    If possible, a row of 2, 4 or 8 pixels is one number, which is written in a third of the time.
    """
    height, width = shape
    first = x[0] % width
    if width in (2, 4, 8) and (x % width == first).all():
        end = labels.shape[1] - (labels.shape[1] - first) % width
        labels, width, x = labels[:, first:end].view(f"u{width}"), 1, x // width
    return np.lib.stride_tricks.sliding_window_view(labels, (height, width), writeable=True), x


def _candidates(
    planes: np.ndarray, margin: float, leaders: np.ndarray, corners: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The candidate classes of n cells with the [4, n] `corners`, grouped by similar numbers of candidates.

    Yields the indices of m cells, [m], and their classes [candidates, m]. Each column is in increasing order; a cell
    with fewer candidates repeats its last class.
    """
    chunks = [slice(i, i + _CELLS_AT_ONCE) for i in range(0, corners.shape[1], _CELLS_AT_ONCE)]
    possible = np.concatenate([_unbeaten(planes, margin, leaders, corners[:, chunk]) for chunk in chunks], axis=1)
    counts = possible.sum(axis=0, dtype=np.uint16)
    order = np.argsort(counts, kind="stable")
    for chunk in chunks:
        at = order[chunk]
        count = counts[at].astype(np.int64)
        classes = np.nonzero(np.ascontiguousarray(possible[:, at].T))[1]
        place = np.minimum(np.arange(count[-1])[:, None], count - 1)
        yield at, classes[place + (np.cumsum(count) - count)]


def _unbeaten(planes: np.ndarray, margin: float, leaders: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Whether neither leader of two opposite corners beats a class at all four `corners` [4, n]: bool [C, n].

    The leaders of the other two corners would beat few further classes and double the time.
    """
    logits = [planes.take(corner, axis=1) for corner in corners]
    beaten = np.zeros(logits[0].shape, bool)
    for corner in (corners[0], corners[3]):
        best = planes.reshape(-1).take(leaders[corner] * planes.shape[1] + corners) - np.float32(margin)
        everywhere = logits[0] < best[0]
        for other, lead in zip(logits[1:], best[1:], strict=True):
            everywhere &= other < lead
        beaten |= everywhere
    return ~beaten


def _best_classes(corners: np.ndarray, classes: np.ndarray, y_lerp: np.ndarray, x_lerp: np.ndarray) -> np.ndarray:
    """Arg-max at every pixel of n cells over their candidates: uint8 [height, width, n].

    `corners` are [4, candidates, n] logits, `classes` [candidates, n] their classes, and `y_lerp`
    [height, n or 1] and `x_lerp` [width, n or 1] the weights of the lower and of the right corners.
    """
    shape = (len(y_lerp), len(x_lerp), classes.shape[1])
    # In place: allocation for every class would take most of the time.
    best, value = np.empty(shape, np.float32), np.empty(shape, np.float32)
    better, change, winners = np.empty(shape, bool), np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    # TensorFlow's formula and order: along x, then along y.
    corners = corners.reshape(2, 2, *corners.shape[1:])
    left, right = corners[:, 0, :, None], corners[:, 1, :, None]
    top, bottom = left + (right - left) * x_lerp
    slope = bottom - top
    y_lerp = y_lerp[:, None]
    np.multiply(slope[0], y_lerp, out=best)
    np.add(best, top[0], out=best)
    winner = np.broadcast_to(classes[0], shape)
    for index in range(1, len(classes)):
        np.multiply(slope[index], y_lerp, out=value)
        np.add(value, top[index], out=value)
        np.greater(value, best, out=better)
        if index + 1 < len(classes):
            np.maximum(value, best, out=best)
        # winner = class where better, in arithmetic modulo 256: ten times faster than a masked copy.
        np.subtract(classes[index], winner, out=change)
        np.multiply(change, better.view(np.uint8), out=change)
        winner = np.add(winner, change, out=winners)
    return winner
