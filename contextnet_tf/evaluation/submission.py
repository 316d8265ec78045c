"""Images of label ids for Cityscapes' test server, under names by which its program finds them.

The program looks for the prediction of `CITY_SEQUENCE_FRAME_gtFine_labelIds.png` as the one file that is called
`CITY_SEQUENCE_FRAME*.png`; it wants the ids of the label table, not train ids, at the image's own size
(cityscapesScripts 2.3.0, evalPixelLevelSemanticLabeling).
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
from contextnet_tf.files import atomic_write, ensure_writable_dir, read_json, write_json, write_png

_END = "_labelIds.png"
_NAME = re.compile(r"[^_]+_\d{6}_\d{6}")  # city, sequence, frame
# Half of OpenCV's own size, in ten milliseconds more a image: 1,525 images have to be sent.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 6)


class Submission:
    """The images of one split, which go on where an interrupted run of the same network stopped.

    `FOLDER/` holds the images, `FOLDER.json` what they were made by, `FOLDER.zip` is what the server takes.
    """

    def __init__(
        self, folder: str | os.PathLike, dataset: Dataset, examples: Sequence[Example], made_by: Mapping[str, Any]
    ):
        """Takes the folder for the images of `examples`, and clears it where other images are in it.

        Args:
          folder: is created where missing.
          dataset: what the examples are examples of, with Cityscapes' label table.
          examples: the split, as the server knows it.
          made_by: what the images depend on, in JSON's types: a finished image is kept where it is the same.

        Raises:
          InputError: the dataset has other labels, an example is not named as Cityscapes' are, or the folder
            holds files that are no submission, or cannot be written.
        """
        if dataset.labels != CITYSCAPES_LABELS:
            raise InputError(f"dataset {dataset.name!r} has not Cityscapes' label ids, which the server wants")
        for example in examples:
            if not _NAME.fullmatch(example.name):
                raise InputError(
                    f"{example.image_path}: the server finds images by CITY_SEQUENCE_FRAME, for example "
                    f"frankfurt_000000_000294; this one is called {example.name}"
                )
        self._examples = examples
        self._ids = np.zeros(256, np.uint8)  # 0, unlabeled, where no class is predicted
        self._ids[[label.train_id for label in dataset.classes]] = [label.id for label in dataset.classes]
        self._folder = ensure_writable_dir(folder)
        self._archive = self._beside(".zip")
        self._claim(dict(made_by))

    def missing(self) -> list[Example]:
        """The examples whose image is still to be made, in order."""
        return [example for example in self._examples if not self._path(example).exists()]

    def write(self, example: Example, train_ids: np.ndarray) -> None:
        """Writes the image of an example from its predicted train ids uint8 [H, W], H x W its own size."""
        write_png(self._path(example), self._ids[train_ids], _PNG)

    def pack(self) -> pathlib.Path:
        """Writes the zip of all images, which must be there, and returns its path.

        Raises:
          InputError: it cannot be written.
        """
        with atomic_write(self._archive) as temporary:
            try:
                with zipfile.ZipFile(temporary, "w") as archive:  # PNG is compressed already
                    for path in map(self._path, self._examples):
                        archive.write(path, path.name)
            except OSError as error:
                raise InputError(f"{self._archive}: cannot be written ({error.strerror})") from None
        return self._archive

    def _path(self, example: Example) -> pathlib.Path:
        return self._folder / f"{example.name}{_END}"

    def _beside(self, suffix: str) -> pathlib.Path:
        return self._folder.with_name(self._folder.name + suffix)

    def _claim(self, made_by: dict[str, Any]) -> None:
        """Leaves only images in the folder that were made by the same; the record of it is changed last."""
        record = self._beside(".json")
        if not record.exists():
            if any(self._folder.iterdir()):
                raise InputError(
                    f"{self._folder}: holds files, but {record.name} beside it is missing, so nobody knows whose; "
                    "remove the folder or name another one"
                )
        elif read_json(record) == made_by:
            return
        self._archive.unlink(missing_ok=True)
        for path in self._folder.glob(f"*{_END}"):
            path.unlink()
        write_json(record, made_by)
