"""The states of a run on disk: each one file, written to the side and renamed, with a digest of its content."""

import hashlib
import io
import json
import logging
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write, ensure_writable_dir, remove_leftovers

_DIGEST_BYTES = hashlib.sha256().digest_size
_NOTES = "notes"
_VERSIONS = {"tensorflow": tf.__version__, "keras": keras.__version__}

_logger = logging.getLogger(__name__)


class Checkpoints:
    """Saves variables as `folder`/step-N.npz and sets them back.

    A file is what `numpy.savez` writes, with the SHA-256 of that behind it: whatever is cut off or changed
    is noticed. It holds one array a variable, and notes as JSON.
    """

    def __init__(self, folder: str | os.PathLike, variables: Mapping[str, Sequence[tf.Variable]], keep: int):
        self._folder = ensure_writable_dir(folder)
        self._keep = keep
        self._variables = {
            f"{group}/{number}": variable
            for group, members in variables.items()
            for number, variable in enumerate(members)
        }
        remove_leftovers(self._folder)

    def save(self, step: int, best_step: int, notes: Mapping[str, Any]) -> None:
        """Writes the state of `step`; the newest ones stay, and that of `best_step`.

        Raises:
          InputError: the disk is full. The earlier states are whole.
        """
        arrays = {name: variable.numpy() for name, variable in self._variables.items()}
        arrays[_NOTES] = np.array(json.dumps({"versions": _VERSIONS, **notes}))
        _write(self._path(step), arrays)
        saved = self._steps()
        # A later one is damaged, or the run would have begun with it.
        earlier = [other for other in saved if other <= step]
        for other in set(saved) - set(earlier[-self._keep :]) - {best_step}:
            self._path(other).unlink()

    def restore(self) -> dict[str, Any] | None:
        """Sets the variables to the newest state that is whole; returns its notes, None where there is none.

        Raises:
          InputError: it is the state of another network or optimizer.
        """
        for step in reversed(self._steps()):
            path = self._path(step)
            try:
                arrays = _read(path)
            except (OSError, _Damaged) as error:
                _logger.warning("%s: cannot be used (%s) and is passed over", path, error)
                continue
            self._set(path, arrays)
            notes = json.loads(str(arrays[_NOTES]))
            if notes["versions"] != _VERSIONS:
                _logger.warning("%s: was saved with %s, and this is %s", path, notes["versions"], _VERSIONS)
            return notes
        return None

    def _set(self, path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
        wanted = {name: tuple(variable.shape) for name, variable in self._variables.items()}
        found = {name: array.shape for name, array in arrays.items() if name != _NOTES}
        if found != wanted:
            raise InputError(f"{path}: holds the state of another network or optimizer; choose another `output_dir`")
        for name, variable in self._variables.items():
            variable.assign(arrays[name])

    def _path(self, step: int) -> pathlib.Path:
        return self._folder / f"step-{step}.npz"

    def _steps(self) -> list[int]:
        """The steps whose states are there, in order."""
        names = (re.fullmatch(r"step-(\d+)\.npz", path.name) for path in self._folder.iterdir())
        return sorted(int(name[1]) for name in names if name)


class _Damaged(Exception):
    """The file is not what was written."""


def _write(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    with atomic_write(path) as temporary, temporary.open("w+b") as file:
        np.savez(file, **arrays)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(0, os.SEEK_END)
        file.write(digest)
        # On the disk before its name is: else a machine that loses power may have the name alone.
        file.flush()
        os.fsync(file.fileno())


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
    content = path.read_bytes()
    if hashlib.sha256(content[:-_DIGEST_BYTES]).digest() != content[-_DIGEST_BYTES:]:
        raise _Damaged("it is cut off or was changed")
    with np.load(io.BytesIO(content[:-_DIGEST_BYTES])) as arrays:
        return dict(arrays)
