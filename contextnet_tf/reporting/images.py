"""The sample images of a report: small copies of image, ground truth and prediction, encoded as JPEG and PNG."""

import dataclasses
import os
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from contextnet_tf.datasets.colors import Color, colorize
from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.datasets.sources import read_values
from contextnet_tf.errors import InputError

LONGEST_SIDE = 640  # pixels: sharp at the width of a column, and some 150 kB for the three
COLORLESS: Color = (15, 107, 110)  # of a class whose color was not recorded
_JPEG_QUALITY = 82


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """One image with its labels.

    `image` uint8 [H, W, 3] RGB; `ground_truth` and `prediction` train ids uint8 [H, W], 255 where ignored.

    Raises:
      ValueError: the sizes differ.
    """

    name: str
    image: np.ndarray
    ground_truth: np.ndarray
    prediction: np.ndarray

    def __post_init__(self):
        sizes = {self.image.shape[:2], self.ground_truth.shape, self.prediction.shape}
        if len(sizes) != 1 or self.image.shape[2:] != (3,):
            raise ValueError(f"sample {self.name}: image, ground truth and prediction have the sizes {sizes}")

    @property
    def pixel_accuracy(self) -> float | None:
        """The fraction of labeled pixels with the correct class; None if no pixel is labeled."""
        counted = self.ground_truth != IGNORE
        return float(np.mean(self.prediction[counted] == self.ground_truth[counted])) if counted.any() else None


def on_white(labels: np.ndarray, colors: Sequence[Color]) -> np.ndarray:
    """Train ids uint8 [H, W] -> uint8 [H, W, 3] RGB: the classes' colors, ignored pixels white."""
    return np.where((labels == IGNORE)[..., None], np.uint8(255), colorize(labels, colors))


def occurring_classes(
    images: Iterable[np.ndarray | None], names: Sequence[str], colors: Sequence[Color]
) -> list[tuple[str, Color]]:
    """The name and color of each class in one of `images` of train ids, for the legend of a figure."""
    found = sorted(set().union(*(np.unique(labels).tolist() for labels in images if labels is not None)))
    return [(names[index], tuple(colors[index])) for index in found if index < len(names)]


def read_labels(path: str | os.PathLike, size: tuple[int, int]) -> np.ndarray:
    """Reads train ids written by predict: uint8 [H, W] of the given size (height, width).

    Raises:
      InputError: the file is missing, is not a single-channel 8-bit image, or has another size.
    """
    labels = _written(path, "predict")
    if labels.ndim != 2 or labels.dtype != np.uint8:
        raise InputError(f"{path}: holds no train ids (one 8-bit value per pixel); run predict again")
    if labels.shape != tuple(size):
        height, width = labels.shape
        raise InputError(f"{path}: is {width} x {height} pixels, its image {size[1]} x {size[0]}; run predict again")
    return labels


def small_confidence(confidence: np.ndarray) -> np.ndarray:
    """Confidences float32 [H, W] in 0 to 1 -> uint8 [h, w] (255: 1), at most LONGEST_SIDE / 2 pixels a side."""
    return np.round(255 * _fitted(confidence, cv2.INTER_AREA, LONGEST_SIDE // 2)).astype(np.uint8)


def read_confidence(path: str | os.PathLike, size: tuple[int, int]) -> np.ndarray | None:
    """Reads the confidences in 0 to 1 that `evaluate` wrote, float32 of `size`; None if there is no such file.

    Raises:
      InputError: the file is damaged.
    """
    if not os.path.exists(path):
        return None
    values = _written(path, "evaluate")
    if values.ndim != 2 or values.dtype != np.uint8:
        raise InputError(f"{path}: holds no confidences (one 8-bit value per pixel); run evaluate again")
    return cv2.resize(values.astype(np.float32) / 255, size[::-1], interpolation=cv2.INTER_LINEAR)


def photograph(image: np.ndarray, longest: int = LONGEST_SIDE) -> bytes:
    """uint8 [H, W, 3] RGB -> the bytes of a JPEG file whose longer side is at most `longest` pixels."""
    image = _fitted(image, cv2.INTER_AREA, longest)
    return _encoded(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])


def label_image(labels: np.ndarray, colors: Sequence[Color]) -> bytes:
    """Train ids uint8 [H, W] -> the bytes of a PNG file of at most LONGEST_SIDE pixels.

    Ignored pixels are hatched, since black is close to the colors of some classes.
    """
    labels = _fitted(labels, cv2.INTER_NEAREST)
    rows, columns = np.ogrid[: labels.shape[0], : labels.shape[1]]
    hatching = np.where((rows + columns) // 5 % 2, 236, 202).astype(np.uint8)
    colored = np.where((labels == IGNORE)[..., None], hatching[..., None], colorize(labels, colors))
    return _encoded(".png", colored, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def confidence_image(confidence: np.ndarray) -> bytes:
    """Confidences float32 [H, W] in 0 to 1 -> the bytes of a JPEG file: dark where sure, bright where unsure."""
    doubt = np.round(255 * (1 - np.clip(confidence, 0, 1))).astype(np.uint8)
    return photograph(cv2.cvtColor(cv2.applyColorMap(doubt, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB))


def fitted_size(height: int, width: int, longest: int = LONGEST_SIDE) -> tuple[int, int]:
    """(height, width) of the copy of an image: the longer side is at most `longest` pixels."""
    factor = min(1.0, longest / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def occurring_ids(samples: Iterable[Sample]) -> set[int]:
    """The train ids that occur in a ground truth or a prediction."""
    occurring = set()
    for sample in samples:
        for labels in (sample.ground_truth, sample.prediction):
            occurring.update(np.flatnonzero(np.bincount(labels.ravel(), minlength=256)).tolist())
    return occurring


def _written(path: str | os.PathLike, program: str) -> np.ndarray:
    """The values of a file that `program` wrote."""
    try:
        return read_values(path)
    except InputError as error:
        raise InputError(f"{str(error).removesuffix('; copy or unpack it again')}; run {program} again") from None


def _fitted(image: np.ndarray, interpolation: int, longest: int = LONGEST_SIDE) -> np.ndarray:
    height, width = fitted_size(image.shape[0], image.shape[1], longest)
    if (height, width) == image.shape[:2]:
        return image
    return cv2.resize(image, (width, height), interpolation=interpolation)


def _encoded(suffix: str, image: np.ndarray, options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ValueError(f"an image of shape {image.shape} cannot be written as {suffix}")
    return data.tobytes()
