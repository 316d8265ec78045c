"""The files of predict and evaluate for one image. Each holds the digest of its image.

Images of other folders may have equal names. The digest tells their predictions apart.
"""

import os

import numpy as np

from contextnet_tf.files import read_png_text, write_png

_KEYWORD = "contextnet image digest"


def write_prediction(path: str | os.PathLike, values: np.ndarray, digest: str | None) -> None:
    """Writes train ids or confidences, uint8 [H, W], as a PNG file; `digest`: of the image, by `image_digest`.

    Raises:
      InputError: the file cannot be written, for example because the disk is full.
    """
    write_png(path, values, text={_KEYWORD: digest} if digest else None)


def is_of_image(path: str | os.PathLike, digest: str) -> bool:
    """Whether the prediction in `path` is of the image with this digest; true if the file holds no digest.

    Versions before 0.2 wrote none.
    """
    return read_png_text(path, _KEYWORD) in (None, digest)
