"""From logits at 1/8 to labels at full size: exact, and without interpolating most of the pixels.

Bilinear interpolation is a convex combination of the four corners of a cell. Where one class leads at
all four, it leads at every pixel between them, and only the other cells need interpolation; in those,
only the classes that reach the best lower bound of any class can win.

That is true of real numbers. In float32 two more things matter, and both are answered by a margin:

- Rounding can swap or join two values that are nearly equal. One interpolation `a + (b - a) * t`, with
  |a|, |b| <= M and the rounding unit u = 2^-24, errs by at most 2Mu for each of the difference and the
  product and by Mu for the sum: 5Mu. Along x and then along y makes 10Mu, for two classes 20Mu. A class
  counts as leading, or as beaten, only where its distance exceeds 24Mu. Everything closer is computed.
- Ties go to the lowest class. A tie at a corner is closer than the margin, so it is computed too, in the
  order of the classes and with TensorFlow's own formula, and the first of equal values is kept.
"""

from collections.abc import Iterator
from typing import NamedTuple

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
    planes = np.ascontiguousarray(logits.transpose(2, 0, 1))
    margin = _MARGIN * float(np.abs(planes).max()) + _TINY

    leaders = _clear_leaders(planes, margin)
    top_left = leaders[np.ix_(rows.lower, columns.lower)]
    settled = top_left >= 0
    settled &= top_left == leaders[np.ix_(rows.lower, columns.upper)]
    settled &= top_left == leaders[np.ix_(rows.upper, columns.lower)]
    settled &= top_left == leaders[np.ix_(rows.upper, columns.upper)]

    cells = np.where(settled, top_left, 0).astype(np.uint8)
    labels = np.repeat(np.repeat(cells, columns.count, axis=1), rows.count, axis=0)
    _interpolate(planes, margin, rows, columns, np.nonzero(~settled), labels)
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


def _axis(small: int, large: int) -> _Axis:
    """The cells between `small` logits that `large` pixels lie in; in float32, as TensorFlow counts."""
    scale = np.float32(small) / np.float32(large)
    position = (np.arange(large, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    floor = np.floor(position)
    cell, start, count = np.unique(floor.astype(np.int64), return_index=True, return_counts=True)
    return _Axis(np.maximum(cell, 0), np.minimum(cell + 1, small - 1), start, count, position - floor)


def _clear_leaders(planes: np.ndarray, margin: float) -> np.ndarray:
    """The class that leads by more than `margin` at each of [C, h, w] logits, -1 for none: int16 [h, w]."""
    first = planes[0].copy()
    second = np.full_like(first, -np.inf)
    leader = np.zeros(first.shape, np.int16)
    for index, plane in enumerate(planes[1:], start=1):
        leader[plane > first] = index
        np.maximum(second, np.minimum(first, plane), out=second)
        np.maximum(first, plane, out=first)
    leader[first - second <= margin] = -1
    return leader


def _interpolate(
    planes: np.ndarray,
    margin: float,
    rows: _Axis,
    columns: _Axis,
    cells: tuple[np.ndarray, np.ndarray],
    labels: np.ndarray,
) -> None:
    """Computes the pixels of `cells` (indices along both axes) and writes them into `labels`."""
    heights, widths = rows.count[cells[0]], columns.count[cells[1]]
    for height in np.unique(heights):
        for width in np.unique(widths):
            chosen = (heights == height) & (widths == width)
            row, column = cells[0][chosen], cells[1][chosen]
            if not row.size:
                continue
            y_lerp = rows.lerp[rows.start[row] + np.arange(height)[:, None]]
            x_lerp = columns.lerp[columns.start[column] + np.arange(width)[:, None]]
            # Cells of one shape: each is one window of the picture, addressed by its first pixel.
            windows = np.lib.stride_tricks.sliding_window_view(labels, (height, width), writeable=True)
            corners = _corners(planes, rows, columns, row, column)
            for at, classes in _candidates(corners, margin):
                block = _best_classes(corners[:, classes, at], classes, y_lerp[:, at], x_lerp[:, at])
                windows[rows.start[row[at]], columns.start[column[at]]] = block.transpose(2, 0, 1)


def _corners(
    planes: np.ndarray, rows: _Axis, columns: _Axis, row: np.ndarray, column: np.ndarray
) -> np.ndarray:
    """The logits at the corners of n cells (top left, top right, bottom left, bottom right): [4, C, n]."""
    flat, stride = planes.reshape(len(planes), -1), planes.shape[2]
    top, bottom = rows.lower[row] * stride, rows.upper[row] * stride
    left, right = columns.lower[column], columns.upper[column]
    return np.stack([flat[:, at] for at in (top + left, top + right, bottom + left, bottom + right)])


def _candidates(corners: np.ndarray, margin: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The classes that can win, from [4, C, n] corners, for batches of cells with equally many of them.

    Yields the cells' indices [m] and their classes [candidates, m], each column in increasing order.
    """
    # Some class is nowhere below `floor`, so a class that is everywhere below it wins nowhere.
    floor = corners.min(axis=0).max(axis=0) - margin
    possible = corners.max(axis=0) >= floor
    counts = possible.sum(axis=0)
    for count in np.unique(counts):
        cells = np.flatnonzero(counts == count)
        for begin in range(0, len(cells), _CELLS_AT_ONCE):
            at = cells[begin : begin + _CELLS_AT_ONCE]
            yield at, np.nonzero(possible[:, at].T)[1].reshape(-1, count).T


def _best_classes(
    corners: np.ndarray, classes: np.ndarray, y_lerp: np.ndarray, x_lerp: np.ndarray
) -> np.ndarray:
    """Arg-max at every pixel of n cells over their candidates: uint8 [height, width, n].

    `corners` are [4, candidates, n] logits, `classes` [candidates, n] their classes, and `y_lerp`
    [height, n] and `x_lerp` [width, n] the weights of the lower and of the right corners.
    """
    shape = (len(y_lerp), *x_lerp.shape)
    best = np.full(shape, -np.inf, np.float32)
    winner = np.zeros(shape, np.uint8)
    # Written in place: allocating these for every class would take most of the time.
    value, better, change = np.empty_like(best), np.empty(shape, bool), np.empty_like(winner)
    y_lerp = y_lerp[:, None]
    for (top_left, top_right, bottom_left, bottom_right), name in zip(
        corners.swapaxes(0, 1), classes.astype(np.uint8), strict=True
    ):
        # TensorFlow's formula in its order: along x, then along y.
        top = top_left + (top_right - top_left) * x_lerp
        bottom = bottom_left + (bottom_right - bottom_left) * x_lerp
        np.multiply(bottom - top, y_lerp, out=value)
        np.add(value, top, out=value)
        np.greater(value, best, out=better)
        np.maximum(value, best, out=best)
        # winner = name where better, by arithmetic modulo 256: ten times faster than a masked copy.
        np.subtract(name, winner, out=change)
        np.multiply(change, better.view(np.uint8), out=change)
        np.add(winner, change, out=winner)
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
