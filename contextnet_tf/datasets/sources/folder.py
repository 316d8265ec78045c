"""A user's own folder: images and labels found by patterns, or by a list of pairs."""

import dataclasses
import os
import pathlib
from collections.abc import Collection

from contextnet_tf.datasets.sources.example import Listing, named, paired, unlabeled
from contextnet_tf.datasets.sources.finding import Found, existing_folder, find_files, is_wildcard
from contextnet_tf.datasets.sources.lists import listed_pairs
from contextnet_tf.errors import InputError


def own_folder(data_dir: str | os.PathLike, split: str, *, images: str, labels: str) -> Listing:
    """The examples of `split` whose files match two patterns, sorted by name.

    Args:
      data_dir: the folder.
      split: replaces `{split}` in the patterns.
      images, labels: patterns relative to the folder, with `/`, for example "images/{split}/**/*". In the last part,
        `*` is the name, without suffix, that an image shares with its label. Folders matched by a wildcard become
        part of the name. Only image files are used.

    The split "test" may lack label files; its examples then have no label.

    Raises:
      InputError: the folder is missing or empty, or no file matches.
    """
    root = existing_folder(data_dir)
    label_pattern = labels
    images, labels = (pattern.replace("{split}", split) for pattern in (images, labels))
    image_files, label_files = _separated(find_files(root, images), find_files(root, labels))
    found_images, image_problems = named(_named(root, images, image_files))
    found_labels, label_problems = named(_named(root, labels, label_files))
    problems = list(dict.fromkeys([*image_files.problems, *label_files.problems, *image_problems, *label_problems]))
    matched = {*image_files.paths, *label_files.paths}
    notes = [*image_files.notes(root / images, matched), *label_files.notes(root / labels, matched)]
    notes = list(dict.fromkeys(notes))
    if not found_images and not found_labels and not problems:
        reasons = "; ".join([f"looked for {images} and {labels}", *notes])
        raise InputError(f"{root}: has no images of the split {split!r}; {reasons}")
    if split == "test" and not found_labels:
        listing = unlabeled(found_images)
    else:
        listing = paired(found_images, found_labels, f"NAME under {images}", f"NAME under {labels}")
        ending = None if listing.examples else _common_ending(found_images, found_labels)
        if ending:
            message = (
                f"{root}: no label of the split {split!r} has the name of an image, but all end in {ending!r}; set "
                f'"labels": "{_with_ending(label_pattern, ending)}" in the class table'
            )
            listing = dataclasses.replace(listing, problems=[message])
    return Listing(listing.examples, problems + listing.problems, notes)


def own_list(data_dir: str | os.PathLike, split: str, *, list_pattern: str) -> Listing:
    """The examples of `split` from a list of pairs; `split` replaces `{split}` in the list's name.

    Raises:
      InputError: the folder is missing or empty, or the list is missing or empty.
    """
    root = existing_folder(data_dir)
    list_path = root / list_pattern.replace("{split}", split)
    if not list_path.is_file():
        raise InputError(f"{list_path}: is missing; it must list the split's pairs 'IMAGE LABEL', one per line")
    return listed_pairs(root, list_path)


def _separated(images: Found, labels: Found) -> tuple[Found, Found]:
    """What two patterns found; of *.png and *_mask.png, a file that both match is of the one with fewer files."""
    fewer, more = (images, labels) if len(images.paths) < len(labels.paths) else (labels, images)
    own = set(fewer.paths)
    rest = dataclasses.replace(more, paths=[path for path in more.paths if path not in own])
    return (images, rest) if fewer is images else (rest, labels)


def _common_ending(images: Collection[str], labels: Collection[str]) -> str | None:
    """What all names of labels have behind those of their images, as "_mask"; None if there is no such ending."""
    first = min(labels, default="")
    for length in range(len(first) - 1, 0, -1):
        ending = first[length:]
        if first[:length] in images and all(x.endswith(ending) and x.removesuffix(ending) in images for x in labels):
            return None if set(ending) & set("*?[]") else ending
    return None


def _with_ending(pattern: str, ending: str) -> str:
    """The `pattern` of labels for names that end in `ending`."""
    before, _, after = pattern.rpartition("*") if not pattern.endswith(".*") else pattern[:-2].rpartition("*")
    return f"{before}*{ending}{after}{'' if after else '.*'}"


def _named(root: pathlib.Path, pattern: str, found: Found) -> list[tuple[str, pathlib.Path]]:
    """(name, path) of the files that `pattern` found."""
    *folders, last = pattern.split("/")
    fixed = next((i for i, x in enumerate(folders) if is_wildcard(root.joinpath(*folders[:i]), x)), len(folders))
    before, _, after = last.partition("*")
    any_suffix = not after or after.endswith(".*")
    after = after.removesuffix(".*")
    names = []
    for path in found.paths:
        name = (path.stem if any_suffix else path.name).removesuffix(after).removeprefix(before)
        names.append(("_".join([*path.parent.relative_to(root.joinpath(*folders[:fixed])).parts, name]), path))
    return names
