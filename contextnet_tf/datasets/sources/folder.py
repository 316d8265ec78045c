"""A user's own folder: images and labels found by patterns, or by a list of pairs."""

import os
import pathlib

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
    images, labels = (pattern.replace("{split}", split) for pattern in (images, labels))
    searched = {pattern: find_files(root, pattern) for pattern in (images, labels)}
    found_images, image_problems = named(_named(root, images, searched[images]))
    found_labels, label_problems = named(_named(root, labels, searched[labels]))
    problems = [line for found in searched.values() for line in found.problems] + image_problems + label_problems
    matched = {path for found in searched.values() for path in found.paths}
    notes = [note for pattern, found in searched.items() for note in found.notes(root / pattern, matched)]
    if not found_images and not found_labels and not problems:
        reasons = "; ".join([f"looked for {images} and {labels}", *notes])
        raise InputError(f"{root}: has no images of the split {split!r}; {reasons}")
    if split == "test" and not found_labels:
        listing = unlabeled(found_images)
    else:
        listing = paired(found_images, found_labels, f"NAME under {images}", f"NAME under {labels}")
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
