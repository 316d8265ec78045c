"""Submissions to Cityscapes' test server: images of label ids, named as the server expects.

For the ground truth `CITY_SEQUENCE_FRAME_gtFine_labelIds.png`, the server expects exactly one prediction file
`CITY_SEQUENCE_FRAME*.png`, with label ids (not train ids) at the image's own size (cityscapesScripts 2.3.0,
evalPixelLevelSemanticLabeling).
"""

import os
import pathlib
import re
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.labels import CITYSCAPES_LABELS
from contextnet_tf.datasets.sources import Example
from contextnet_tf.errors import InputError
from contextnet_tf.files import (
    atomic_write,
    ensure_writable_dir,
    is_system_file,
    read_json,
    write_json,
    write_png,
)

_END = "_labelIds.png"
_NAME = re.compile(r"[^_]+_\d{6}_\d{6}")  # city, sequence, frame
# Halves the upload of 1,525 images compared with OpenCV's default, for 10 ms more per image.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 6)


class Submission:
    """The prediction images of one split, resumable with the same network.

    `FOLDER/` holds the images, `FOLDER.json` their origin, `FOLDER.zip` the file to upload.
    """

    def __init__(
        self, folder: str | os.PathLike, dataset: Dataset, examples: Sequence[Example], made_by: Mapping[str, Any]
    ):
        """Prepares the folder, and removes images of another origin from it.

        Args:
          folder: created if missing.
          dataset: the dataset of the examples, with Cityscapes' label table.
          examples: all examples of the split.
          made_by: JSON values that determine the images; finished images are kept while these stay the same.

        Raises:
          InputError: the dataset has other labels, an example's name is not Cityscapes', or the folder is not
            writable or holds files of unknown origin.
        """
        if dataset.labels != CITYSCAPES_LABELS:
            raise InputError(
                f"dataset {dataset.name!r} does not have Cityscapes' label ids, which the server expects; submit a "
                "network that was trained on Cityscapes' classes"
            )
        for example in examples:
            if not _NAME.fullmatch(example.name):
                raise InputError(
                    f"{example.image_path}: the server finds images by CITY_SEQUENCE_FRAME, for example "
                    f"frankfurt_000000_000294; this one is called {example.name}"
                )
        self._examples = examples
        self._ids = np.zeros(256, np.uint8)  # 0, unlabeled, for pixels without a predicted class
        self._ids[[label.train_id for label in dataset.classes]] = [label.id for label in dataset.classes]
        self._folder = ensure_writable_dir(folder)
        self._archive = self._beside(".zip")
        self._claim(dict(made_by))

    def missing(self) -> list[Example]:
        """The examples without a complete image yet, in order."""
        return [example for example in self._examples if not _is_complete(self._path(example))]

    def write(self, example: Example, train_ids: np.ndarray) -> None:
        """Writes an example's image from predicted train ids, uint8 [H, W] at the example's own size."""
        write_png(self._path(example), self._ids[train_ids], _PNG)

    def pack(self) -> pathlib.Path:
        """Packs all images, which must exist, into the zip file, and returns the path.

        Raises:
          InputError: the zip file cannot be written.
        """
        with atomic_write(self._archive) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for path in map(self._path, self._examples):
                archive.write(path, path.name)  # without compression, as PNG is compressed already
        return self._archive

    def _path(self, example: Example) -> pathlib.Path:
        return self._folder / f"{example.name}{_END}"

    def _beside(self, suffix: str) -> pathlib.Path:
        return self._folder.with_name(self._folder.name + suffix)

    def _claim(self, made_by: dict[str, Any]) -> None:
        """Removes images of another origin. The record is written last, so an interrupted removal is repeated."""
        record = self._beside(".json")
        if not record.exists():
            if not all(is_system_file(entry.name) for entry in self._folder.iterdir()):
                raise InputError(
                    f"{self._folder}: holds files, but {record.name} beside it is missing, so their source is unknown; "
                    "remove the folder or choose another"
                )
        elif read_json(record, remedy=f"remove it and {self._folder}, or choose another folder") == made_by:
            return
        self._archive.unlink(missing_ok=True)
        for path in self._folder.glob(f"*{_END}"):
            path.unlink()
        write_json(record, made_by)


def _is_complete(path: pathlib.Path) -> bool:
    """Whether the PNG exists up to its last chunk: a power failure or a copy may have cut it off."""
    return path.is_file() and path.read_bytes()[-8:-4] == b"IEND"
