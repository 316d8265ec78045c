"""What tells data apart: the digests of images and labels, and what a class table means."""

import concurrent.futures
import hashlib
import os
import unicodedata
from collections.abc import Sequence
from typing import Any

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.datasets.sources.example import Example
from contextnet_tf.errors import InputError
from contextnet_tf.files import json_text
from contextnet_tf.renamed import CLASS_TABLE

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


def class_table_settings(dataset: Dataset) -> dict[str, Any] | None:
    """What the class table of `dataset` contributes to the weights of a network, by key of classes.json.

    These are the classes in order, the label values or colors of each, the ignored ones, and the image size. Display
    colors and categories do not change the weights; the patterns and lists decide only which files are read, and these
    have digests of their own. Two class tables that mean the same give the same settings, however they are written.

    Returns: None for a dataset that is defined by its name. "older_hashes" are what older versions recorded instead.
    """
    if dataset.class_table is None:
        return None
    key = "color" if dataset.label_colors else "value"
    pairs = dataset.label_colors.items() if dataset.label_colors else ((row.id, row.train_id) for row in dataset.labels)
    labels: dict[int, list[Any]] = {}
    for label, train_id in sorted(pairs):
        labels.setdefault(train_id, []).append(list(label) if isinstance(label, tuple) else label)
    settings: dict[str, Any] = {}
    for place, row in enumerate(dataset.classes):
        settings[f"classes[{place}].name"] = unicodedata.normalize("NFC", row.name)
        settings[f"classes[{place}].{key}"] = labels[place]
    settings["ignored"] = labels.get(IGNORE, [])
    settings["image_size"] = dataset.image_size and list(dataset.image_size)
    before = {new: old for old, new in CLASS_TABLE.items()}
    in_version_0_1 = {before.get(name, name): value for name, value in dataset.class_table.items()}
    in_version_0_1["classes"] = [
        {before.get(name, name): value for name, value in row.items()} for row in dataset.class_table["classes"]
    ]
    return settings | {"older_hashes": [_content_hash(dataset.class_table), _content_hash(in_version_0_1)]}


def _content_hash(class_table: Any) -> str:
    return hashlib.sha256(json_text(class_table, sort_keys=True).encode()).hexdigest()[:8]


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
