"""A page of a dataset's images, each with its labels drawn over it, and augmented crops."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from contextnet_tf import files
from contextnet_tf.datasets.colors import Color, overlay
from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.reporting import wording
from contextnet_tf.reporting.images import fitted_size, photograph
from contextnet_tf.reporting.inline import data_uri
from contextnet_tf.reporting.report import TEMPLATES

FILE_NAME = "samples.html"
_LONGEST_SIDE = 384  # pixels; six images of this size take some 100 kB

Labeled = tuple[np.ndarray, np.ndarray]  # uint8 [H, W, 3] RGB, train ids uint8 [H, W]


@dataclasses.dataclass(frozen=True, eq=False)
class ShownExample:
    """An example, and crops of it as in training."""

    name: str
    original: Labeled
    crops: Sequence[Labeled]


def write_samples(
    folder: str | os.PathLike,
    shown: Sequence[ShownExample],
    *,
    dataset: str,
    classes: Mapping[str, Color],
    settings: Mapping[str, str],
) -> pathlib.Path:
    """Writes samples.html into `folder` and returns its path; six images of a sample take some 0.1 MB.

    Args:
      folder: an existing folder.
      shown: the examples, in their order on the page.
      dataset: name of the dataset.
      classes: name and color of each class by train id.
      settings: settings of the augmentation by name, for the head of the page.

    Raises:
      InputError: the file cannot be written.
    """
    colors = list(classes.values())
    occurring = {int(value) for example in shown for value in np.unique(example.original[1])}
    page = TEMPLATES.get_template("samples.html").render(
        title=f"{len(shown)} images of {wording.dataset_title(dataset)}",
        settings=settings,
        legend=[(color, name, train_id in occurring) for train_id, (name, color) in enumerate(classes.items())],
        shown=[_figure(example, colors) for example in shown],
    )
    path = pathlib.Path(folder) / FILE_NAME
    with files.atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _figure(example: ShownExample, colors: Sequence[Color]) -> dict[str, object]:
    """Name, ignored share, classes, and cells: a row of images, and below it the same images with their labels."""
    titles = ["image", *(f"crop {number}" for number in range(1, len(example.crops) + 1))]
    pairs = [example.original, *example.crops]
    label = example.original[1]
    return {
        "name": example.name,
        "ignored": wording.percent(float(np.mean(label == IGNORE))),
        "columns": len(pairs),
        "cells": [_cell(title, image) for title, (image, _) in zip(titles, pairs, strict=True)]
        + [_cell(f"{title}, labels", overlay(*pair, colors, 0.6)) for title, pair in zip(titles, pairs, strict=True)],
    }


def _cell(title: str, image: np.ndarray) -> tuple[str, str, tuple[int, int]]:
    height, width = image.shape[:2]
    return title, data_uri(photograph(image, _LONGEST_SIDE), "jpeg"), fitted_size(height, width, _LONGEST_SIDE)
