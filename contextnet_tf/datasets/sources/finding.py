"""Finding files by pattern: one walk for all layouts, and for folders given to programs.

Links to folders are followed, but not in circles. Files that systems create are skipped (`files.is_system_file`).
Broken links and unreadable folders are problems; all other skipped files are listed in a note.
"""

import dataclasses
import fnmatch
import os
import pathlib
from collections.abc import Collection

from contextnet_tf.errors import InputError
from contextnet_tf.files import is_system_file

# Suffixes of image files in layouts that accept any format: the usual ones of the formats that `decoding` reads.
IMAGE_SUFFIXES = (
    ".bmp", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip
_SHOWN = 3  # names in a note


@dataclasses.dataclass(frozen=True)
class Found:
    """The result of a walk.

    Attributes:
      paths: the files that match, sorted.
      problems: one line for each broken link and each folder that cannot be read.
      others: skipped files and subfolders of the searched folders.
    """

    paths: list[pathlib.Path] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    others: list[pathlib.Path] = dataclasses.field(default_factory=list)

    def notes(self, place: object, matched: Collection[pathlib.Path] = ()) -> list[str]:
        """A line with the number and some names of skipped files in `place`; an empty list if there are none.

        `matched`: files that another search found.
        """
        left_out = [path.name for path in self.others if path not in matched]
        if not left_out:
            return []
        more = f" and {len(left_out) - _SHOWN:,} more" if len(left_out) > _SHOWN else ""
        names = ", ".join(map(_shown, left_out[:_SHOWN]))
        return [f"{place}: skipped, since the name does not match or is not that of an image: {names}{more}"]


def find_files(root: str | os.PathLike, pattern: str) -> Found:
    """The files below `root` that match `pattern` and have one of `IMAGE_SUFFIXES` (in either case).

    In a pattern such as "images/*/**/*.png", `*`, `?` and `[...]` match within a name, and `**` any depth of folders.
    A name with `[` that exists means itself, as in "clips[1]/*.png".
    """
    found = Found()
    _walk(pathlib.Path(root), pattern.split("/"), found)
    for listed in (found.paths, found.others):
        listed[:] = sorted(set(listed))
    found.problems[:] = sorted(set(found.problems))
    return found


def is_wildcard(folder: pathlib.Path, part: str) -> bool:
    """Whether a part of a pattern matches other names in `folder` than itself."""
    if "*" in part or "?" in part:
        return True
    return "[" in part and not os.path.lexists(folder / part)


def existing_folder(data_dir: str | os.PathLike) -> pathlib.Path:
    """The folder `data_dir`.

    Raises:
      InputError: the folder is missing or empty, or cannot be read.
    """
    root = pathlib.Path(data_dir)
    if not os.path.isdir(root):
        raise InputError(f"{root}: is not a folder; set `data_dir` to the dataset's folder")
    try:
        empty = all(is_system_file(name) for name in os.listdir(root))
    except OSError as error:
        raise InputError(f"{root}: cannot be read ({error.strerror})") from None
    if empty:
        raise InputError(f"{root}: is empty; set `data_dir` to the dataset's folder")
    return root


def _walk(
    folder: pathlib.Path,
    parts: list[str],
    found: Found,
    trail: frozenset = frozenset(),
    deep: bool = False,
) -> None:
    """Adds to `found` what `parts` of the pattern match in `folder`.

    `trail` identifies the folders that `folder` is in. `deep`: the subfolders are visited by a `**`.
    """
    part, rest = parts[0], parts[1:]
    if not is_wildcard(folder, part):
        path = folder / part
        if rest and os.path.isdir(path):
            _walk(path, rest, found)
        elif not rest and os.path.isfile(path) and path.suffix.lower() in IMAGE_SUFFIXES:
            found.paths.append(path)
        return
    try:
        entries = sorted((x for x in os.scandir(folder) if not is_system_file(x.name)), key=lambda entry: entry.name)
    except OSError as error:
        if os.path.lexists(folder):
            found.problems.append(f"{_shown(folder)}: cannot be read ({error.strerror})")
        return
    if part == "**":
        _walk(folder, rest or ["*"], found, deep=True)
        here = os.path.realpath(folder)
        trail = trail | {here, *map(str, pathlib.Path(here).parents)}
        for entry in entries:
            if _is_dir(entry) and os.path.realpath(folder / entry.name) not in trail:  # a link may lead in a circle
                _walk(folder / entry.name, parts, found, trail)
        return
    for entry in entries:
        path, matches = folder / entry.name, fnmatch.fnmatchcase(entry.name, part)
        if entry.is_symlink() and not os.path.exists(path):
            if matches:
                found.problems.append(f"{_shown(path)}: is a broken link to {_shown(os.readlink(path))}")
        elif rest:
            if matches and _is_dir(entry):
                _walk(path, rest, found)
            elif path.suffix.lower() in IMAGE_SUFFIXES:
                found.others.append(path)
        elif _is_dir(entry):
            if not deep:
                found.others.append(path)
        elif matches and path.suffix.lower() in IMAGE_SUFFIXES and entry.is_file():  # reading a pipe would wait
            found.paths.append(path)
        else:
            found.others.append(path)


def _is_dir(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _shown(path: str | os.PathLike) -> str:
    """A path as text that every terminal and file takes; bytes that are not UTF-8 become \\xNN."""
    return os.fsencode(path).decode(errors="backslashreplace")
