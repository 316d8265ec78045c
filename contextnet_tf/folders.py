"""Folders that are written as a whole: filled under a temporary name, then renamed."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from contextnet_tf.errors import InputError
from contextnet_tf.files import ensure_writable_dir, naming_write_errors, refuse_broken_link

_STAGING = ".staging-"  # prefix of the folders of `staging_dir`


@contextlib.contextmanager
def atomic_write_dir(path: str | os.PathLike, *, marker: str) -> Iterator[pathlib.Path]:
    """Yields an empty temporary folder beside `path`; replaces `path` with it on success.

    `marker` is the name of a file that every folder of this kind holds: no other folder is replaced, unless empty.

    Raises:
      InputError: the parent folder cannot be created or is not writable, `require_replaceable` refuses `path`, or
        writing fails, for example because the disk is full.
    """
    path = pathlib.Path(path)
    require_replaceable(path, marker)
    ensure_writable_dir(path.parent)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary.chmod(0o755)
    try:
        with naming_write_errors(path, temporary):
            yield temporary
            move_dir(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def require_replaceable(path: pathlib.Path, marker: str) -> None:
    """Checks that a new folder at `path` would replace nothing, an empty folder, or one that holds the file `marker`.

    Raises:
      InputError: `path` is a file, a folder that holds other files, or a link to nothing.
    """
    refuse_broken_link(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file; give a folder")
    if path.is_dir() and not (path / marker).is_file() and any(path.iterdir()):
        raise InputError(f"{path}: holds other files; only a folder with {marker} is replaced; choose another one")


def move_dir(source: pathlib.Path, target: pathlib.Path) -> None:
    """Moves a folder to `target` on the same disk. A folder there is removed, or stays if the move fails.

    Of a link to a folder, the link is removed.
    """
    if not target.exists():
        os.replace(source, target)
        return
    outdated = source.with_name(f"{source.name}.outdated")
    os.replace(target, outdated)
    try:
        os.replace(source, target)
    except OSError:
        os.replace(outdated, target)
        raise
    if outdated.is_symlink():
        outdated.unlink()
    else:
        shutil.rmtree(outdated)


@contextlib.contextmanager
def staging_dir(folder: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields an empty hidden folder within `folder` for incomplete files; removes it at the end.

    Staging folders of killed processes are removed first. Each process holds a lock on its own staging folder.

    Raises:
      InputError: `folder` cannot be created or is not writable.
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
    """Tries to lock a folder without waiting; yields whether the lock was acquired. The lock ends with the process."""
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
