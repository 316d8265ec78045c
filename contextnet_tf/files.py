"""Files that are either whole or not there: written to the side, then renamed."""

import contextlib
import errno
import fcntl
import json
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from contextnet_tf.errors import InputError

_STAGING = ".staging-"  # prefix of the folders of `staging_dir`


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a temporary path beside `path`, with its suffix; renames it to `path` on success.

    Whatever stood at `path` stays whole until then. On an exception the temporary file is removed.

    Raises:
      InputError: the folder cannot be created or written, or the disk is full.
    """
    path = pathlib.Path(path)
    ensure_writable_dir(path.parent)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        with naming_full_disk(path):
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def naming_full_disk(path: str | os.PathLike) -> Iterator[None]:
    """Around the writing of `path`: no room for it is something that the person can mend.

    Raises:
      InputError: there is no room left on the disk, in the quota, or below the limit on the size of a file.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise InputError(f"{path}: cannot be written ({error.strerror}); make room and start again") from error


def remove_leftovers(folder: str | os.PathLike) -> None:
    """Removes what `atomic_write` left in `folder` when its process was killed. None may be writing there."""
    for path in pathlib.Path(folder).glob(".*"):
        if is_leftover(path):
            path.unlink()


def is_leftover(path: pathlib.Path) -> bool:
    """Whether the file has a name that `atomic_write` gives to what it has not finished."""
    return re.fullmatch(r"\..+\.\d+(\.\w+)?", path.name) is not None


@contextlib.contextmanager
def atomic_write_dir(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields an empty temporary folder beside `path`; puts it in the place of `path` on success.

    Raises:
      InputError: the parent folder cannot be created or written.
    """
    path = pathlib.Path(path)
    ensure_writable_dir(path.parent)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary.chmod(0o755)
    try:
        yield temporary
        if path.exists():
            outdated = temporary.with_name(temporary.name + ".outdated")
            os.replace(path, outdated)
            os.replace(temporary, path)
            shutil.rmtree(outdated)
        else:
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def staging_dir(folder: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields an empty hidden folder within `folder`, where files wait until they are complete; removes it at the end.

    Staging folders of processes that were killed are removed first. Each process holds a lock on its own.

    Raises:
      InputError: `folder` cannot be created or written.
    """
    folder = ensure_writable_dir(folder)
    for path in folder.glob(f"{_STAGING}*"):
        with _locked_dir(path) as locked:
            if locked:
                shutil.rmtree(path, ignore_errors=True)
    staging = pathlib.Path(tempfile.mkdtemp(prefix=_STAGING, dir=folder))
    try:
        with _locked_dir(staging):
            yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextlib.contextmanager
def _locked_dir(path: pathlib.Path) -> Iterator[bool]:
    """Locks a folder if no other process has locked it; yields whether it is locked. The lock ends with the process."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # another process has just removed it
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        locked = True
    except OSError:  # taken, or a file system without locks
        locked = False
    try:
        yield locked
    finally:
        os.close(descriptor)


def ensure_writable_dir(path: str | os.PathLike) -> pathlib.Path:
    """Creates the folder `path` and its parents where missing, and checks that it can be written.

    Raises:
      InputError: it cannot be created or written, or a file stands there.
    """
    path = pathlib.Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written as a folder ({error.strerror}); name another output folder"
        ) from None
    return path


def require_space(folder: str | os.PathLike, num_bytes: int) -> None:
    """Checks that the file system of `folder`, which need not be there yet, has room for `num_bytes`.

    Raises:
      InputError: it has not; says how much is needed and how much is free.
    """
    place = pathlib.Path(folder).absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if num_bytes > free:
        raise InputError(
            f"{folder}: {gigabytes(num_bytes)} are needed and {gigabytes(free)} are free; make room or name "
            "another folder"
        )


def gigabytes(num_bytes: int) -> str:
    """11812345678 -> "11.81 GB"; less than 10 MB in kB."""
    return f"{num_bytes / 1e9:.2f} GB" if num_bytes >= 1e7 else f"{num_bytes / 1e3:.0f} kB"


def write_png(path: str | os.PathLike, image: np.ndarray, parameters: tuple[int, ...] = ()) -> None:
    """Writes a PNG, gray [H, W] or [H, W, 3] BGR, replacing the file as a whole; `parameters` are OpenCV's.

    Raises:
      InputError: the file cannot be written, for example because the disk is full.
    """
    # Not cv2.imwrite: it does not say why a file could not be written.
    _, content = cv2.imencode(".png", image, parameters)
    with atomic_write(path) as temporary:
        try:
            temporary.write_bytes(content.tobytes())
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Writes `value` as indented JSON, replacing the file as a whole."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def read_json(path: str | os.PathLike) -> Any:
    """Reads a JSON file.

    Raises:
      InputError: the file is missing or is not JSON.
    """
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise InputError(f"{path}: is not JSON ({error})") from None
