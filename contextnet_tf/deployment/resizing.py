"""Pads or resizes images to the network's input size."""

import math

import cv2
import numpy as np

from contextnet_tf.errors import InputError

RESIZE_MODES = ("auto", "resize", "pad")  # see `most_padding`


def check_image(image: np.ndarray) -> None:
    """Checks that the image is uint8 [H, W, 3] with at least one pixel.

    Raises:
      InputError: the image has another type or shape.
    """
    if not isinstance(image, np.ndarray):
        raise InputError(f"an image is a {type(image).__name__}; it must be a uint8 array [H, W, 3], RGB")
    kind = f"{image.dtype} {list(image.shape)}"
    if image.dtype != np.uint8:
        raise InputError(f"an image is {kind}; it must be uint8, 0 to 255")
    if image.ndim == 4:
        raise InputError(f"an image is {kind}, a batch; give its images one by one")
    if image.ndim != 3 or image.shape[2] != 3:
        raise InputError(f"an image is {kind}; it must have 3 channels, RGB: convert gray, drop alpha")
    if not image.size:
        raise InputError(f"an image is {kind}: it has no pixels")


def most_padding(resize_mode: str, multiple: int) -> float:
    """The largest number of padding rows or columns: the `limit` of the functions below.

    `resize_mode` is one of `RESIZE_MODES`; "auto" pads by less than the network's size `multiple`.
    """
    return {"auto": multiple - 1, "resize": -1, "pad": math.inf}[resize_mode]


def is_padded(size: tuple[int, int], target: tuple[int, int], limit: float) -> bool:
    """Whether an image of `size` reaches `target` (height, width) with at most `limit` padding rows and columns."""
    return all(0 <= new - old <= limit for old, new in zip(size, target, strict=True))


def resize_image(image: np.ndarray, target: tuple[int, int], limit: float) -> np.ndarray:
    """uint8 [h, w, 3] -> uint8 [H, W, 3] of the size `target`.

    An image smaller by at most `limit` pixels in height and width is padded at the lower and right edge by repeating
    its last row and column. Any other image is resized: by area averaging if neither side grows, which reduces
    aliasing, and bilinearly otherwise.

    Raises:
      InputError: the limit is infinite (resize mode "pad"), and the image is larger than the target.
    """
    height, width = image.shape[:2]
    if (height, width) == target:
        return image
    if is_padded((height, width), target, limit):
        return cv2.copyMakeBorder(image, 0, target[0] - height, 0, target[1] - width, borderType=cv2.BORDER_REPLICATE)
    if limit == math.inf:
        raise InputError(
            f"an image of {height} x {width} (height x width) cannot be padded to the smaller {target[0]} x "
            f"{target[1]}; resize it, or export the network for larger images"
        )
    shrinks = height >= target[0] and width >= target[1]
    return cv2.resize(image, target[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def fit_labels(labels: np.ndarray, size: tuple[int, int], limit: float) -> np.ndarray:
    """Undoes `resize_image` for labels: uint8 [H, W] -> uint8 [h, w], the image's own `size`.

    Padding is cropped; the labels of a resized image are resized by nearest neighbor.
    """
    height, width = size
    if is_padded(size, labels.shape, limit):
        return labels[:height, :width]
    return cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
