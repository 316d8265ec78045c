"""Images of one split that look like an image of another, such as neighboring frames of a video."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np

_SIZE = (24, 32)  # height and width of a thumbnail
# CamVid: frames of different drives reach 0.88, frames two apart in a video 0.99 and more.
LOOKS_ALIKE = 0.95  # correlation
_BLOCK = 512  # images of a split that are compared at once


class Thumbnail(NamedTuple):
    """A small gray copy of the image at `path`: float32 [768], of mean 0 and norm 1."""

    path: str
    values: np.ndarray


def thumbnail(path: str, image: np.ndarray) -> Thumbnail | None:
    """The thumbnail of an image uint8 [H, W, 3]; None if it is of one gray, which correlates with nothing."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    values = cv2.resize(gray.astype(np.float32), _SIZE[::-1], interpolation=cv2.INTER_AREA).ravel()
    values -= values.mean()
    norm = float(np.linalg.norm(values))
    return Thumbnail(path, values / np.float32(norm)) if norm > 1e-3 else None


def similar_between_splits(splits: Mapping[str, Sequence[Thumbnail]]) -> list[str]:
    """One line for each pair of splits with images whose thumbnails correlate above 0.95."""
    lines = []
    names = [name for name, found in splits.items() if found]
    for index, later in enumerate(names):
        for earlier in names[:index]:
            lines += _similar(earlier, splits[earlier], later, splits[later])
    return lines


def _similar(earlier: str, first: Sequence[Thumbnail], later: str, second: Sequence[Thumbnail]) -> list[str]:
    known = np.stack([each.values for each in first])
    best, correlation = [], []
    for start in range(0, len(second), _BLOCK):
        block = np.stack([each.values for each in second[start : start + _BLOCK]]) @ known.T
        best += block.argmax(axis=1).tolist()
        correlation += block.max(axis=1).tolist()
    count = sum(value > LOOKS_ALIKE for value in correlation)
    if not count:
        return []
    closest = int(np.argmax(correlation))
    return [
        f"{later}: {count:,} of {len(second):,} images look like one of {earlier}, most of all "
        f"{second[closest].path} like {first[best[closest]].path}; if they are neighboring frames of one video, "
        f"figures on {later} are too good"
    ]
