"""Drawing of a confusion matrix as an image."""

from collections.abc import Sequence

import cv2
import numpy as np

_CELL = 34  # pixels
_FONT, _SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.4
_BLUE = np.array([8, 48, 107], np.float64)  # color of a cell with 100 % of its row


def confusion_image(counts: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Draws a confusion matrix with one row per true class, in percent of the row.

    Args:
      counts: int64 [C, C], pixels by (true, predicted).
      names: names of the classes.

    Returns:
      uint8 [H, W, 3] RGB, with class names beside the rows and, rotated, above the columns; 0 % is left blank.
    """
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    margin = 12 + max(_text_size(name)[0] for name in names)
    cells = np.kron(255.0 + shares[..., np.newaxis] * (_BLUE - 255.0), np.ones((_CELL, _CELL, 1)))
    image = np.pad(cells, ((margin, 8), (margin, 8), (0, 0)), constant_values=255).astype(np.uint8)
    for row, column in np.argwhere(shares >= 0.005):
        text, dark = f"{100 * shares[row, column]:.0f}", shares[row, column] > 0.5
        width, height = _text_size(text)
        place = margin + column * _CELL + (_CELL - width) // 2, margin + row * _CELL + (_CELL + height) // 2
        _write(image, text, place, 255 if dark else 0)
    for number in range(len(names) + 1):
        line = margin + number * _CELL
        image[line, margin:-8] = image[margin:-8, line] = 210
    image[:margin, margin:-8] = np.rot90(_name_column(names[::-1], margin), k=-1)
    image[margin:-8, :margin] = _name_column(names, margin)
    return image


def _name_column(names: Sequence[str], width: int) -> np.ndarray:
    """Column of right-aligned names, one per cell: uint8 [C * cell, width, 3]."""
    column = np.full((len(names) * _CELL, width, 3), 255, np.uint8)
    for number, name in enumerate(names):
        text_width, text_height = _text_size(name)
        _write(column, name, (width - 6 - text_width, number * _CELL + (_CELL + text_height) // 2), 0)
    return column


def _text_size(text: str) -> tuple[int, int]:
    (width, height), _ = cv2.getTextSize(text, _FONT, _SCALE, 1)
    return width, height


def _write(image: np.ndarray, text: str, place: tuple[int, int], gray: int) -> None:
    """Writes `text` with its lower left corner at `place`, (column, row)."""
    cv2.putText(image, text, tuple(int(x) for x in place), _FONT, _SCALE, (gray,) * 3, 1, cv2.LINE_AA)
