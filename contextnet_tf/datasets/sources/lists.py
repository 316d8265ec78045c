"""Lists of examples: text files with a pair `IMAGE LABEL` on each line."""

import os
import pathlib
import re
import unicodedata
from collections.abc import Callable, Iterator

from contextnet_tf.datasets.sources.example import Example, Listing, example_name
from contextnet_tf.errors import InputError

# A field in double quotes, or one without blanks and quotes.
_FIELD = re.compile(r'"([^"]*)"|([^\s"]+)')
_LINE = re.compile(rf"\s*(?:{_FIELD.pattern})(?:[ \t]+(?:{_FIELD.pattern}))*\s*")


def listed_pairs(
    root: pathlib.Path,
    list_path: pathlib.Path,
    absolute: Callable[[pathlib.Path], pathlib.Path] = lambda path: path,
) -> Listing:
    """The examples of a list, in the list's order, named by the stems of their images.

    Relative paths are relative to `root`. An absolute path is used as it is; `absolute` may map one that is missing.

    Raises:
      InputError: the list is not readable as text, or is empty.
    """
    examples, problems, names = [], [], set()
    for number, fields in list_fields(list_path):
        where = f"{list_path}:{number}"
        if isinstance(fields, str) or len(fields) != 2:
            shown = fields if isinstance(fields, str) else " ".join(fields)
            problems.append(f"{where}: expected a pair 'IMAGE LABEL', found {shown!r}")
            continue
        image, label = (_existing(root, pathlib.Path(field), absolute) for field in fields)
        missing = [
            f"{path}: is listed in {where} but missing; its partner is {partner}"
            for path, partner in ((image, label), (label, image))
            if not os.path.isfile(path)
        ]
        if image == label:
            missing.append(f"{where}: lists {image} as its own label")
        name = example_name(image.stem)
        if name in names:
            missing.append(f"{where}: lists a second image of the name {name!r}")
        names.add(name)
        problems += missing
        if not missing:
            examples.append(Example(name, str(image), str(label)))
    if not examples and not problems:
        raise InputError(f"{list_path}: lists no images; expected a pair 'IMAGE LABEL' per line")
    return Listing(examples, problems)


def list_fields(list_path: pathlib.Path) -> Iterator[tuple[int, list[str] | str]]:
    """The lines of a list that are not blank: (number, fields), or (number, the line) if its quotes do not match.

    Fields are separated by blanks or tabs; a field that contains any is in double quotes. A backslash separates
    folders, like `/`.

    Raises:
      InputError: the list is not readable as text (UTF-8, with or without a byte order mark).
    """
    try:
        text = list_path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{list_path}: cannot be read as a list ({error.strerror})") from None
    except UnicodeDecodeError as error:
        wrong = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{list_path}: cannot be read as a list (line {wrong} is not UTF-8 text)") from None
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        if not line.strip():
            continue
        if not _LINE.fullmatch(line) or "\0" in line:
            yield number, line.strip()
        else:
            yield number, [(quoted or plain).replace("\\", "/") for quoted, plain in _FIELD.findall(line)]


def last_two_parts(root: pathlib.Path) -> Callable[[pathlib.Path], pathlib.Path]:
    """Maps an absolute path of another machine to its folder and file name below `root`."""
    return lambda path: root.joinpath(*path.parts[-2:])


def _existing(root: pathlib.Path, path: pathlib.Path, absolute: Callable[[pathlib.Path], pathlib.Path]) -> pathlib.Path:
    is_absolute, path = path.is_absolute(), root / path  # an absolute path stays
    if os.path.exists(path):
        return path
    if is_absolute:
        path = absolute(path)
    # An accented letter is one character on one system, and a letter and its accent on another.
    for form in ("NFC", "NFD"):
        other = pathlib.Path(unicodedata.normalize(form, str(path)))
        if os.path.exists(other):
            return other
    return path
