"""A decoded file, and the errors and the warning of files that cannot be decoded, or not as a whole."""

import dataclasses
import functools
import logging
import os

import numpy as np

from contextnet_tf.errors import InputError

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Decoded:
    """A decoded file.

    Attributes:
      pixels: [H, W] gray values or palette indices, or [H, W, 3 or 4] RGB(A); uint8 unless the file has other values.
      format: for example "PNG".
      altered: what reading did to the values, for example "is a gray PNG of 4 bits, ..."; None: nothing.
      turned: whether the file has an orientation other than upright; `pixels` are upright.
      lossy: the compression that changed values, for example "JPEG"; None: values are as they were saved.
    """

    pixels: np.ndarray
    format: str
    altered: str | None = None
    turned: bool = False
    lossy: str | None = None


@functools.cache  # once a file, not in each epoch
def warn_multiple_images(path: str, what: str) -> None:
    """Warns that the file, which is `what`, holds more images than the first."""
    _logger.warning("%s: %s; only its first image is read. Save each image as a file of its own", path, what)


def too_many_bits(path: str | os.PathLike, bits: int) -> InputError:
    """The error for a file with more than 8 bits per channel."""
    return InputError(f"{path}: has {bits} bits per channel; convert it to 8")


def too_large(path: str | os.PathLike, size: str) -> InputError:
    """The error for a file of more pixels than its decoder takes."""
    return InputError(f"{path}: has too many pixels to be read ({size}); cut it into tiles")


def truncated(path: str | os.PathLike, kind: str) -> InputError:
    """The error for a file of the format `kind` that ends too early."""
    return damaged(path, f"the {kind} data are truncated")


def damaged(path: str | os.PathLike, reason: str) -> InputError:
    """The error for a file that cannot be decoded."""
    return InputError(f"{path}: is missing, damaged or truncated ({reason}); copy or unpack it again")
