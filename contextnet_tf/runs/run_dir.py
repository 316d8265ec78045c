"""The folder of a run: what it was started with, and that one process at a time writes there."""

import contextlib
import fcntl
import logging
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from contextnet_tf.errors import InputError, InUseError
from contextnet_tf.files import ensure_writable_dir, is_leftover, read_json, remove_leftovers, write_json

_SETTINGS = "settings.json"
_LOCK = ".lock"

_logger = logging.getLogger(__name__)


@contextlib.contextmanager
def claimed_run_dir(output_dir: str | os.PathLike, settings: Mapping[str, Any], resume: bool) -> Iterator[pathlib.Path]:
    """Holds `output_dir` for the run that `settings` describes, without touching another's.

    Raises:
      InputError: the folder cannot be written, holds something else, holds a run and `resume` is off,
        or holds a run that was started with other settings.
      InUseError: another process trains in it.
    """
    folder = ensure_writable_dir(output_dir)
    path = folder / _SETTINGS
    if not path.exists() and any(entry.name != _LOCK and not is_leftover(entry) for entry in folder.iterdir()):
        raise InputError(f"{folder}: is not empty and holds no run; choose another `output_dir`")
    with _locked(folder):
        if not path.exists():
            write_json(path, settings)
        elif resume:
            _check_same(folder, read_json(path), settings)
        else:
            raise InputError(f"{folder}: holds a run; set `resume=True` to resume it, or choose another `output_dir`")
        remove_leftovers(folder)
        yield folder


@contextlib.contextmanager
def copied_run_dir(output_dir: str | os.PathLike) -> Iterator[pathlib.Path]:
    """What a run has to go on from, in a folder that is removed: for the processes that follow the run's chief."""
    with tempfile.TemporaryDirectory(prefix="worker") as copy:
        for entry in pathlib.Path(output_dir).iterdir():
            if entry.name == "checkpoints":
                shutil.copytree(entry, pathlib.Path(copy) / entry.name)
            elif entry.suffix in (".keras", ".jsonl"):
                shutil.copy(entry, copy)
        yield pathlib.Path(copy)


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
    """Holds a lock that ends with the process, in whatever way it ends."""
    with (folder / _LOCK).open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(
                f"{folder}: another process trains in it; wait for it to end, or choose another `output_dir`"
            ) from None
        except OSError as error:  # some network file systems have no locks
            _logger.warning("%s: cannot be locked (%s); start no second process in it", folder, error.strerror)
        yield


def _check_same(folder: pathlib.Path, before: Any, now: Mapping[str, Any]) -> None:
    if not isinstance(before, Mapping):
        raise InputError(f"{folder}: its {_SETTINGS} is not that of a run; choose another `output_dir`")
    before, now = _flattened(before), _flattened(now)
    changes = [
        f"{name} was {before.get(name)!r} and is now {now.get(name)!r}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    if changes:
        raise InputError(
            f"{folder}: holds a run with other settings ({'; '.join(changes)}); choose another `output_dir`"
        )


def _flattened(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flattened(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
