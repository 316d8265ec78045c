"""From logits at 1/8 to labels at full size: exact, and without interpolating most of the pixels.

Bilinear interpolation is a convex combination of the four corners of a cell. Where one class leads at
all four, it leads at every pixel between them, and only the other cells need interpolation; in those, a
class that another one beats at all four corners wins nowhere, and most classes are beaten so by the leader
of one corner.

That is true of real numbers. In float32 two more things matter, and both are answered by a margin:

- Rounding can swap or join two values that are nearly equal. One interpolation `a + (b - a) * t`, with
  |a|, |b| <= M and the rounding unit u = 2^-24, errs by at most 2Mu for each of the difference and the
  product and by Mu for the sum: 5Mu. Along x and then along y makes 10Mu, for two classes 20Mu. A class
  counts as leading, or as beaten, only where its distance exceeds 24Mu. Everything closer is computed.
- Ties go to the lowest class. A tie at a corner is closer than the margin, so it is computed too, in the
  order of the classes and with TensorFlow's own formula, and the first of equal values is kept.
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from contextnet_tf.errors import InputError

_MARGIN = 24 * 2.0**-24  # of the largest absolute logit; the module's docstring derives it
_TINY = 1e-36  # absorbs the absolute error of products that underflow
_CELLS_AT_ONCE = 1024  # keeps the temporaries of a chunk (8 x 8 pixels a cell) within the cache; by timing


def upsample_argmax(logits: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Bilinear upsampling and arg-max of float32 [h, w, C] logits: uint8 [H, W] labels.

    Every pixel is what `tf.argmax(tf.image.resize(logits, (H, W)), -1)` gives (bilinear, half-pixel
    centres, the lowest of equal classes). `size` is (H, W), or a whole factor: (h * factor, w * factor).
    The logits must be finite. No temporary is as large as [H, W, C].

    Raises:
      InputError: `logits` is not a float32 [h, w, C] array with 1 to 256 classes, or `size` is not positive.
    """
    _check_logits(logits)
    height, width = _full_size(logits.shape, size)
    rows, columns = _axis(logits.shape[0], height), _axis(logits.shape[1], width)
    # OpenCV transposes three times as fast as NumPy.
    planes = cv2.transpose(logits.reshape(-1, logits.shape[2])).reshape(-1, *logits.shape[:2])
    margin = _MARGIN * float(np.abs(planes).max()) + _TINY

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


class _Axis(NamedTuple):
    """One axis, cut into the cells between neighbouring logits that hold at least one pixel.

    `lower`, `upper`: int64 [cells], the logits on either side (the same one beyond the border).
    `start`, `count`: int64 [cells], the cell's first pixel and its number of pixels.
    `lerp`: float32 [pixels], the weight of `upper`.
    """

    lower: np.ndarray
    upper: np.ndarray
    start: np.ndarray
    count: np.ndarray
    lerp: np.ndarray


@functools.lru_cache
def _axis(small: int, large: int) -> _Axis:
    """The cells between `small` logits that `large` pixels lie in; in float32, as TensorFlow counts."""
    scale = np.float32(small) / np.float32(large)
    position = (np.arange(large, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    floor = np.floor(position)
    cell, start, count = np.unique(floor.astype(np.int64), return_index=True, return_counts=True)
    return _Axis(np.maximum(cell, 0), np.minimum(cell + 1, small - 1), start, count, position - floor)


class _Cells(NamedTuple):
    """n cells of one size, height x width pixels.

    `corners`: int64 [4, n], the places of their logits in [h * w]: top left, top right, bottom left, bottom right.
    `y`, `x`: int64 [n], their first pixel.
    `y_lerp`, `x_lerp`: float32 [height, n] and [width, n], the weights of the lower and of the right corners;
    [height, 1] and [width, 1] where all cells have the same.
    """

    corners: np.ndarray
    y: np.ndarray
    x: np.ndarray
    y_lerp: np.ndarray
    x_lerp: np.ndarray


def _cells(rows: _Axis, columns: _Axis, row: np.ndarray, column: np.ndarray, stride: int) -> _Cells:
    """The cells at `row` and `column`, indices along both axes, over logits of which `stride` make a row."""
    top, bottom = rows.lower[row] * stride, rows.upper[row] * stride
    left, right = columns.lower[column], columns.upper[column]
    corners = np.stack([top + left, top + right, bottom + left, bottom + right])
    return _Cells(corners, rows.start[row], columns.start[column], _lerps(rows, row), _lerps(columns, column))


def _lerps(axis: _Axis, cells: np.ndarray) -> np.ndarray:
    """The weights float32 [pixels, n] of `cells` of one size; [pixels, 1] where all of that size have the same."""
    size = axis.count[cells[0]]
    lerps = axis.lerp[axis.start[axis.count == size] + np.arange(size)[:, None]]
    if (lerps == lerps[:, :1]).all():
        return lerps[:, :1]
    return axis.lerp[axis.start[cells] + np.arange(size)[:, None]]


def _leaders(planes: np.ndarray, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """The class that leads at each of [C, h, w] logits, int16 [h, w], and where by more than `margin`."""
    first = planes[0].copy()
    second = np.full_like(first, -np.inf)
    leader = np.zeros(first.shape, np.int16)
    for index, plane in enumerate(planes[1:], start=1):
        np.maximum(leader, (plane > first) * np.int16(index), out=leader)
        np.maximum(second, np.minimum(first, plane), out=second)
        np.maximum(first, plane, out=first)
    return leader, first - second > margin


def _interpolate(
    planes: np.ndarray, margin: float, leaders: np.ndarray, cells: _Cells, labels: np.ndarray
) -> None:
    """Computes the pixels of `cells` from [C, h * w] logits and [h * w] leaders, and writes them into `labels`."""
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
    """The windows of a `shape` in the labels by their first pixel, and where they begin that do so at the columns `x`.

    Where rows of 2, 4 or 8 pixels allow it, a row is one number: written in a third of the time.
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
    """The classes that can win in n cells with the [4, n] `corners`, for cells with about equally many at a time.

    Yields the cells' indices [m] and their classes [candidates, m], each column in increasing order; a cell with
    fewer has its last class repeated.
    """
    chunks = [slice(i, i + _CELLS_AT_ONCE) for i in range(0, corners.shape[1], _CELLS_AT_ONCE)]
    possible = np.concatenate([_unbeaten(planes, margin, leaders, corners[:, chunk]) for chunk in chunks], axis=1)
    counts = possible.sum(axis=0, dtype=np.uint8)
    order = np.argsort(counts, kind="stable")
    for chunk in chunks:
        at = order[chunk]
        count = counts[at].astype(np.int64)
        classes = np.nonzero(np.ascontiguousarray(possible[:, at].T))[1]
        place = np.minimum(np.arange(count[-1])[:, None], count - 1)
        yield at, classes[place + (np.cumsum(count) - count)]


def _unbeaten(planes: np.ndarray, margin: float, leaders: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Whether no leader of two opposite corners beats a class at all four `corners` [4, n]: bool [C, n].

    The leaders of the other two would beat hardly more, and comparing with them takes as long again.
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


def _best_classes(
    corners: np.ndarray, classes: np.ndarray, y_lerp: np.ndarray, x_lerp: np.ndarray
) -> np.ndarray:
    """Arg-max at every pixel of n cells over their candidates: uint8 [height, width, n].

    `corners` are [4, candidates, n] logits, `classes` [candidates, n] their classes, and `y_lerp`
    [height, n or 1] and `x_lerp` [width, n or 1] the weights of the lower and of the right corners.
    """
    shape = (len(y_lerp), len(x_lerp), classes.shape[1])
    # Written in place: allocating these for every class would take most of the time.
    best, value = np.empty(shape, np.float32), np.empty(shape, np.float32)
    better, change, winners = np.empty(shape, bool), np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    # TensorFlow's formula in its order: along x, then along y.
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
        # winner = class where better, by arithmetic modulo 256: ten times faster than a masked copy.
        np.subtract(classes[index], winner, out=change)
        np.multiply(change, better.view(np.uint8), out=change)
        winner = np.add(winner, change, out=winners)
    return winner


def _check_logits(logits: np.ndarray) -> None:
    if not isinstance(logits, np.ndarray):
        raise InputError(f"logits are a {type(logits).__name__}; a float32 array [h, w, classes] is needed")
    if logits.dtype != np.float32 or logits.ndim != 3 or not logits.size:
        raise InputError(f"logits are {logits.dtype} {list(logits.shape)}; float32 [h, w, classes] is needed")
    if logits.shape[2] > 256:
        raise InputError(f"logits have {logits.shape[2]} classes; labels are uint8: at most 256 are possible")


def _full_size(shape: tuple[int, ...], size: int | tuple[int, int]) -> tuple[int, int]:
    height, width = (shape[0] * size, shape[1] * size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise InputError(f"size {size} is not positive; give (height, width) in pixels or a whole factor")
    return height, width
