"""Cityscapes' layout: `leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png` beside
`gtFine/SPLIT/CITY/NAME_gtFine_labelIds.png` (Cordts et al., CVPR 2016)."""

import os

import numpy as np

from contextnet_tf.datasets.labels import CITYSCAPES_LABELS, IGNORE
from contextnet_tf.datasets.sources.example import Listing, named, paired, unlabeled
from contextnet_tf.datasets.sources.finding import existing_folder, find_files
from contextnet_tf.datasets.sources.reading import read_values, train_id_table
from contextnet_tf.errors import InputError

IMAGES, IMAGE_END = "leftImg8bit", "_leftImg8bit.png"
LABELS, LABEL_END = "gtFine", "_gtFine_labelIds.png"
INSTANCE_END = "_gtFine_instanceIds.png"
_LAYOUT = f"{IMAGES}/SPLIT/CITY/*{IMAGE_END} beside {LABELS}/SPLIT/CITY/*{LABEL_END}"

# Published number of images by city; the sums are section 3.2's 2,975, 500 and 1,525.
CITIES = {
    "train": {
        "aachen": 174, "bochum": 96, "bremen": 316, "cologne": 154, "darmstadt": 85, "dusseldorf": 221,
        "erfurt": 109, "hamburg": 248, "hanover": 196, "jena": 119, "krefeld": 99, "monchengladbach": 94,
        "strasbourg": 365, "stuttgart": 196, "tubingen": 144, "ulm": 95, "weimar": 142, "zurich": 122,
    },
    "val": {"frankfurt": 267, "lindau": 59, "munster": 174},
    "test": {"berlin": 544, "bielefeld": 181, "bonn": 46, "leverkusen": 58, "mainz": 298, "munich": 398},
}  # fmt: skip


def cityscapes_folder(data_dir: str | os.PathLike, split: str) -> Listing:
    """The examples of `split` in a folder of Cityscapes' layout, sorted by name.

    The split "test" may lack label files, or have the archive's placeholders, in which every pixel is
    ignored. Its examples then have no label.

    Raises:
      InputError: the folder is missing, empty or in another layout, or has no files of the split.
    """
    root = existing_folder(data_dir)
    if not (root / IMAGES).is_dir():
        raise InputError(
            f"{root}: has no folder {IMAGES}; set `data_dir` to a folder with Cityscapes' layout, {_LAYOUT}"
        )
    found_images = find_files(root, f"{IMAGES}/{split}/*/*{IMAGE_END}")
    found_labels = find_files(root, f"{LABELS}/{split}/*/*{LABEL_END}")
    images, image_problems = named((path.name.removesuffix(IMAGE_END), path) for path in found_images.paths)
    labels, label_problems = named((path.name.removesuffix(LABEL_END), path) for path in found_labels.paths)
    problems = found_images.problems + found_labels.problems + image_problems + label_problems
    if not (root / LABELS).is_dir() and split != "test":
        raise InputError(f"{root}: has no folder {LABELS}; Cityscapes' layout is {_LAYOUT}")
    notes = found_images.notes(root / IMAGES / split)  # the labels' folders hold further kinds of files
    if not images and not labels and not problems:
        raise InputError(f"{root}: has no images of the split {split!r}; {'; '.join([f'expected {_LAYOUT}', *notes])}")
    if split == "test" and (not labels or is_placeholder(next(iter(labels.values())))):
        listing = unlabeled(images)
    else:
        listing = paired(images, labels, f"NAME{IMAGE_END} under {IMAGES}", f"NAME{LABEL_END} under {LABELS}")
    return Listing(listing.examples, problems + listing.problems, notes)


def is_placeholder(path: str | os.PathLike) -> bool:
    """Whether every pixel of a label file is ignored. The first file of a split represents all of them."""
    try:
        ids = read_values(path)
    except InputError:
        return False  # is reported where the file is read
    if ids.ndim != 2 or ids.dtype != np.uint8:
        return False
    return bool((train_id_table(CITYSCAPES_LABELS)[ids] == IGNORE).all())
