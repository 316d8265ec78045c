"""Labels as colours: the one way in which every picture of this project shows a segmentation."""

from collections.abc import Sequence

import numpy as np

Colour = tuple[int, int, int]  # RGB, 0 to 255


def colourise(labels: np.ndarray, colours: Sequence[Colour]) -> np.ndarray:
    """Train ids uint8 [H, W] -> uint8 [H, W, 3] RGB; ids without a colour (255: ignored) are black."""
    return _table(colours)[labels]


def overlay(
    image: np.ndarray, labels: np.ndarray, colours: Sequence[Colour], opacity: float = 0.5
) -> np.ndarray:
    """The class colours laid over the picture: uint8 [H, W, 3], uint8 [H, W] -> uint8 [H, W, 3] RGB.

    `opacity` 0 shows the picture alone, 1 the colours alone. Where a train id has no colour
    (255: ignored) the picture shows through whole.
    """
    share = np.full(256, round(256 * opacity), np.uint16)
    share[len(colours):] = 0
    # In 256ths, so that the largest sum, 255 x 256, still fits into sixteen bits.
    coloured = (_table(colours) * share[:, None]).astype(np.uint16)
    blended = image * (256 - share)[labels][..., None] + coloured[labels]
    return (blended >> 8).astype(np.uint8)


def _table(colours: Sequence[Colour]) -> np.ndarray:
    """uint8 [256, 3]: the colour of every possible train id."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = np.asarray(colours, np.uint8).reshape(-1, 3)
    return table
