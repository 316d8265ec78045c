"""Atomic writing of files: written to a temporary path, then renamed."""

import contextlib
import errno
import fcntl
import json
import os
import pathlib
import re
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np

from contextnet_tf.errors import InputError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, a quota, the largest size of a file
_PNG_HEAD = 33  # bytes of a PNG's signature and header chunk, which come first
# Of archives from macOS, network storage, Windows and Linux; in lower case.
_SYSTEM_FILES = frozenset(
    ("__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "thumbs.db", "desktop.ini",
     "lost+found")
)  # fmt: skip


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a temporary path beside `path`, with the same suffix; renames it to `path` on success.

    An existing file at `path` stays unchanged until then. On an exception the temporary file is removed.

    Raises:
      InputError: the folder cannot be created or is not writable, `path` is a folder, or writing fails, for example
        because the disk is full.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give a file")
    ensure_writable_dir(path.parent)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        with naming_write_errors(path, temporary):
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def naming_write_errors(path: str | os.PathLike, temporary: str | os.PathLike | None = None) -> Iterator[None]:
    """Converts an OSError of writing `path`, or `temporary` in its place, to InputError.

    An error that names a file elsewhere, such as one that is read meanwhile, passes through.

    Raises:
      InputError: writing failed; for a full disk, the message gives the remedy.
    """
    own = pathlib.Path(temporary or path)
    try:
        yield
    except BrokenPipeError:  # of the output of a program
        raise
    except OSError as error:
        # Errors of `file.write` have no file name.
        if not (error.errno in _FULL or error.filename is None or _is_within(error.filename, own)):
            raise
        remedy = "; free disk space and start again" if error.errno in _FULL else ""
        raise InputError(f"{path}: cannot be written ({error.strerror or error}){remedy}") from error


def _is_within(name: str | bytes | int, folder: pathlib.Path) -> bool:
    return not isinstance(name, int) and pathlib.Path(os.fsdecode(name)).is_relative_to(folder)


def remove_leftovers(folder: str | os.PathLike) -> None:
    """Removes temporary files of killed `atomic_write` calls. No process may be writing to `folder`."""
    for path in pathlib.Path(folder).glob(".*"):
        if is_leftover(path):
            path.unlink()


def is_leftover(path: pathlib.Path) -> bool:
    """Whether the file has the name of an `atomic_write` temporary file."""
    return re.fullmatch(r"\..+\.\d+(\.\w+)?", path.name) is not None


@contextlib.contextmanager
def one_at_a_time(path: str | os.PathLike) -> Iterator[None]:
    """Waits until no other process is in the block for the same `path`, by a lock file beside it.

    Without effect where the file system has no locks.
    """
    path = pathlib.Path(path)
    with open(path.with_name(f".{path.name}.lock"), "ab") as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_system_file(name: str) -> bool:
    """Whether `name` is that of a file or folder which systems create in any folder, and which is not the user's data.

    This includes all hidden files: macOS' ._NAME and .DS_Store, Jupyter's .ipynb_checkpoints, our temporary files.
    """
    return name.startswith(".") or name.lower() in _SYSTEM_FILES


def ensure_writable_dir(path: str | os.PathLike) -> pathlib.Path:
    """Creates the folder `path` and its parents if missing, and checks that it is writable.

    Raises:
      InputError: the folder cannot be created or is not writable, or `path` is a file.
    """
    path = pathlib.Path(path)
    refuse_broken_link(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written as a folder ({error.strerror}); choose another output folder"
        ) from None
    return path


def refuse_broken_link(path: pathlib.Path) -> None:
    """Refuses a symbolic link to nothing, such as a link to a disk that is not mounted.

    Raises:
      InputError: `path` is such a link.
    """
    if os.path.islink(path) and not os.path.exists(path):  # not those of `path`, which raise for a name too long
        raise InputError(f"{path}: is a link to {os.readlink(path)}, which is missing; restore it or remove the link")


def require_space(folder: str | os.PathLike, num_bytes: int) -> None:
    """Checks that the file system of `folder`, which need not exist yet, has `num_bytes` free.

    Raises:
      InputError: too little space; the message gives the needed and the free space.
    """
    place = pathlib.Path(folder).absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if num_bytes > free:
        raise InputError(
            f"{folder}: {file_size(num_bytes)} are needed and {file_size(free)} are free; free disk space or "
            "choose another folder"
        )


def file_size(num_bytes: int) -> str:
    """Bytes in the decimal units of data sheets: 3412345 -> "3.41 MB", 11812345678 -> "11.81 GB"."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if num_bytes >= 0.1 * unit:
            return f"{num_bytes / unit:.2f} {name}"
    return f"{num_bytes / 1e3:.1f} kB"


def write_png(
    path: str | os.PathLike,
    image: np.ndarray,
    parameters: tuple[int, ...] = (),
    *,
    text: Mapping[str, str] | None = None,
) -> None:
    """Writes a PNG, gray [H, W] or BGR [H, W, 3], atomically.

    Args:
      path: the file.
      image: uint8 or uint16 pixels.
      parameters: those of `cv2.imencode`.
      text: texts by keyword (1 to 79 characters), both in Latin-1, stored in the file; see `read_png_text`.

    Raises:
      InputError: the file cannot be written, for example because the disk is full.
    """
    # Not cv2.imwrite, which does not report why writing failed.
    content = cv2.imencode(".png", image, parameters)[1].tobytes()
    for keyword, value in (text or {}).items():
        chunk = b"tEXt" + f"{keyword}\0{value}".encode("latin-1")
        framed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        content = content[:_PNG_HEAD] + framed + content[_PNG_HEAD:]
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def read_png_text(path: str | os.PathLike, keyword: str) -> str | None:
    """The text that `write_png` stored by `keyword`; None if there is none, or the file is missing or no PNG."""
    start = f"{keyword}\0".encode("latin-1")
    with contextlib.suppress(OSError), open(path, "rb") as file:
        file.seek(_PNG_HEAD)
        while len(head := file.read(8)) == 8 and head[4:] not in (b"IDAT", b"IEND"):
            content = file.read(int.from_bytes(head[:4], "big"))
            if head[4:] == b"tEXt" and content.startswith(start):
                return content[len(start) :].decode("latin-1")
            file.seek(4, os.SEEK_CUR)  # the checksum
    return None


def json_text(value: Any, **options: Any) -> str:
    """`value` as JSON, with options of `json.dumps`. All that is written as JSON passes here.

    Raises:
      ValueError: a number is not finite, which JSON cannot express; `records.plain` makes it null.
      TypeError: a value has a type that JSON does not know.
    """
    return json.dumps(value, allow_nan=False, **options)


def checked_json(name: str, values: Any) -> dict[str, Any]:
    """The argument `name`, values by name, as JSON gives them back; empty for None.

    Raises:
      InputError: a value cannot be written as JSON, or is not finite.
    """
    try:
        return json.loads(json_text(dict(values or {})))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{name} cannot be written as JSON ({error}); give a finite JSON value by name") from None


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Writes `value` as indented JSON, atomically; numbers must be finite."""
    text = json_text(value, indent=2)
    with atomic_write(path) as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"the key {key!r} is given twice in one object")
    return dict(pairs)


def read_json(path: str | os.PathLike, *, remedy: str | None = None) -> Any:
    """Reads a JSON file; `remedy` says what to do with a damaged one.

    Raises:
      InputError: the file is missing, is not JSON, or gives a key twice.
    """
    try:
        # With or without a byte order mark.
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8-sig"), object_pairs_hook=_without_duplicates)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON ({error})" + (f"; {remedy}" if remedy else "")) from None
