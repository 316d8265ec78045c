"""Writing synthetic street scenes as files in Cityscapes' layout. Writing is resumable."""

import os
import pathlib
import zlib
from collections.abc import Callable, Mapping

import cv2

from contextnet_tf.errors import InputError
from contextnet_tf.files import ensure_writable_dir, is_system_file, read_json, write_json, write_png
from data.streets.scene import Scene, draw_street

RECORD = "streets.json"  # beside the splits: the record of the set in this folder
VERSION = 1  # version of the drawing code; raised when the same seed gives another image

# Noise does not compress; these settings are three times as fast as the default, at no larger size.
_PNG_IMAGE = (cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY)


def draw_scene(seed: int, split: str, index: int, height: int, width: int) -> Scene:
    """Scene `index` of a split of the set `seed`: it depends on these and the size alone."""
    return draw_street((seed, zlib.crc32(split.encode()), index), height, width)


def write_set(
    folder: str | os.PathLike, images: Mapping[str, int], *, seed: int, height: int, width: int,
    on_image: Callable[[], None] | None = None,
) -> int:  # fmt: skip
    """Writes a drawn set: `images` maps each split to its number of images, all of height x width pixels.

    Images are `leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png`, labels of 8 bits
    `gtFine/SPLIT/CITY/NAME_gtFine_labelIds.png`, of 16 bits `gtFine/SPLIT/CITY/NAME_gtFine_instanceIds.png`.
    Existing images of an interrupted call are kept. `on_image` is called after each image, drawn or
    found.

    Returns: the number of images drawn; 0 if the folder already held the whole set.

    Raises:
      InputError: the folder holds another set or other files, or cannot be written.
    """
    root = pathlib.Path(folder)
    if not (root / RECORD).exists():  # a finished set may stand where nobody can write
        ensure_writable_dir(root)
    record = {"version": VERSION, "seed": seed, "height": height, "width": width, "images": dict(images)}
    _claim(root, record)
    drawn = 0
    for split, count in images.items():
        for index in range(count):
            drawn += write_scene(root, seed, split, index, height, width)
            if on_image:
                on_image()
    return drawn


def write_scene(folder: str | os.PathLike, seed: int, split: str, index: int, height: int, width: int) -> bool:
    """Draws scene `index` of a split and writes its three files; returns False if they already exist."""
    city = f"drawn{split}"
    name = f"{city}_{index:06d}_000000"
    labels = pathlib.Path(folder) / "gtFine" / split / city
    image = pathlib.Path(folder) / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png"
    label_ids, instance_ids = (
        labels / f"{name}_gtFine_labelIds.png",
        labels / f"{name}_gtFine_instanceIds.png",
    )
    if image.exists() and label_ids.exists() and instance_ids.exists():
        return False
    scene = draw_scene(seed, split, index, height, width)
    write_png(label_ids, scene.label_ids)
    write_png(instance_ids, scene.instance_ids)
    write_png(image, cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR), _PNG_IMAGE)
    return True


def _claim(root: pathlib.Path, record: dict) -> None:
    """Writes the record of the set into the folder, or checks the existing record."""
    path = root / RECORD
    if path.exists():
        found = _migrated(read_json(path))
        if found != record:
            raise InputError(
                f"{root}: holds another drawn set ({_in_words(found)}) than asked for ({_in_words(record)}); "
                "choose another folder, or remove this one"
            )
    elif not all(is_system_file(entry.name) for entry in root.iterdir()):
        raise InputError(f"{root}: holds files but no drawn set ({RECORD} is missing); choose an empty or new folder")
    else:
        write_json(path, record)


def _migrated(record: object) -> object:
    """The record with today's keys; version 0.1 of this project wrote "pictures" instead of "images"."""
    if isinstance(record, dict) and "pictures" in record and "images" not in record:
        return {"images" if key == "pictures" else key: value for key, value in record.items()}
    return record


def _in_words(record: object) -> str:
    if not isinstance(record, dict) or not isinstance(record.get("images"), dict):
        return "of an unknown kind"
    counts = ", ".join(f"{count} {split}" for split, count in record["images"].items())
    size = f"{record.get('height')} x {record.get('width')}"
    return f"version {record.get('version')}, seed {record.get('seed')}, {size} pixels, {counts}"
