"""Digests of images and labels, so that a run detects changed data, and a report the predictions of other images."""

import concurrent.futures
import hashlib
import os
from collections.abc import Sequence

from contextnet_tf.datasets.sources.example import Example
from contextnet_tf.errors import InputError

# Of a large image only the ends are read: Cityscapes' 3,475 images are 8 GB, their ends and labels 0.6 GB. A PNG ends
# with a checksum of its pixels, and a JPEG of other pixels has another length. Labels are small and are read whole.
_END_BYTES = 1 << 16


def example_digests(examples: Sequence[Example]) -> list[tuple[str, str, str | None]]:
    """(name, digest of the image, digest of the label file or None) of each example; a digest has 16 hex digits.

    Times and folders are ignored, so a copy of a dataset has the digests of the original.

    Raises:
      InputError: a file cannot be read.
    """
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(_digests, examples))


def image_digest(path: str | os.PathLike) -> str:
    """The digest of an image file, as in `example_digests`.

    Raises:
      InputError: the file cannot be read.
    """
    return _digest(path, whole=False)


def _digests(example: Example) -> tuple[str, str, str | None]:
    label = _digest(example.label_path, whole=True) if example.label_path else None
    return example.name, image_digest(example.image_path), label


def _digest(path: str | os.PathLike, *, whole: bool) -> str:
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest = hashlib.sha256(f"{size}\n".encode())
            if whole or size <= 2 * _END_BYTES:
                digest.update(file.read())
            else:
                digest.update(file.read(_END_BYTES))
                file.seek(-_END_BYTES, os.SEEK_END)
                digest.update(file.read())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return digest.hexdigest()[:16]
