"""The checkpoints of a run: one file each, written atomically, with a SHA-256 digest of its content."""

import hashlib
import io
import json
import logging
import os
import pathlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write, ensure_writable_dir, json_text, remove_leftovers
from contextnet_tf.models.graph import all_layers

FORMAT_VERSION = 2

_DIGEST_BYTES = hashlib.sha256().digest_size
_NOTES, _FORMAT = "notes", "format_version"  # arrays that are not variables
_VERSIONS = {"tensorflow": tf.__version__, "keras": keras.__version__}
# Format 1 numbered the variables of each group instead of naming them, and named one group otherwise.
_GROUP_IN_FORMAT_1 = {"ema": "averaged"}

_logger = logging.getLogger(__name__)


def model_variables(model: keras.Model) -> dict[str, keras.Variable]:
    """The variables of a functional network by path: layer name / variable name, in the order of `model.variables`.

    The paths are the same for every build of a network. Keras' own `Variable.path` is not: Keras numbers seed
    generators by a counter of the process.
    """
    names = {
        id(variable): f"{layer.name}/{variable.name}" for layer in all_layers(model) for variable in layer.variables
    }
    return _named((names.get(id(variable), variable.path), variable) for variable in model.variables)


def optimizer_variables(optimizer: keras.optimizers.Optimizer) -> dict[str, keras.Variable]:
    """The variables of a built optimizer by path, without the optimizer's name, to which Keras appends a counter."""
    return _named((variable.path.split("/", 1)[-1], variable) for variable in optimizer.variables)


class Checkpoints:
    """Saves variables as `folder`/step-N.npz and restores them.

    A file is the output of `numpy.savez` followed by its SHA-256, which detects truncation and corruption. The file
    holds one array per variable, named group/path, the format version, and notes as JSON.

    Args:
      folder: created if missing.
      variables: group -> path -> variable.
      keep: number of newest checkpoints to keep.
    """

    def __init__(self, folder: str | os.PathLike, variables: Mapping[str, Mapping[str, tf.Variable]], keep: int):
        self._folder = ensure_writable_dir(folder)
        self._keep = keep
        self._groups = variables
        self._variables = {
            f"{group}/{path}": variable for group, members in variables.items() for path, variable in members.items()
        }
        remove_leftovers(self._folder)

    def save(self, step: int, best_step: int, notes: Mapping[str, Any]) -> None:
        """Writes the checkpoint of `step`; keeps the newest ones and the one of `best_step`.

        Raises:
          InputError: the disk is full. The earlier checkpoints are intact.
        """
        arrays = {name: variable.numpy() for name, variable in self._variables.items()}
        arrays[_FORMAT] = np.array(FORMAT_VERSION)
        arrays[_NOTES] = np.array(json_text({"versions": _VERSIONS, **notes}))
        _write(_path(self._folder, step), arrays)
        saved = _steps(self._folder)
        # Checkpoints of later steps are damaged: the run would have resumed from them otherwise.
        earlier = [other for other in saved if other <= step]
        for other in set(saved) - set(earlier[-self._keep :]) - {best_step}:
            _path(self._folder, other).unlink()

    def restore(self) -> dict[str, Any] | None:
        """Restores the newest undamaged checkpoint; returns its notes, or None if there is no checkpoint.

        Raises:
          InputError: the checkpoint is of another network or optimizer, or of a newer format.
        """
        newest = _newest(self._folder)
        if newest is None:
            return None
        path, arrays = newest
        values = self._from_format_1(path, arrays) if _FORMAT not in arrays else arrays
        self._require_same(path, values)
        for name, variable in self._variables.items():
            variable.assign(values[name])
        notes = json.loads(str(arrays[_NOTES]))
        if notes["versions"] != _VERSIONS:
            _logger.warning("%s: was saved with %s; this process runs %s", path, notes["versions"], _VERSIONS)
        return notes

    def _from_format_1(self, path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The arrays of a format-1 checkpoint under their current names; `_require_same` compares the shapes."""
        numbered = {
            f"{_GROUP_IN_FORMAT_1.get(group, group)}/{number}": f"{group}/{member}"
            for group, members in self._groups.items()
            for number, member in enumerate(members)
        }
        found = arrays.keys() - {_NOTES}
        if found != numbered.keys():
            raise InputError(
                f"{path}: has checkpoint format 1 and has {len(found)} variables, this run has {len(numbered)}; "
                "choose another `output_dir`"
            )
        return {numbered[name]: arrays[name] for name in found}

    def _require_same(self, path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
        wanted = {name: tuple(variable.shape) for name, variable in self._variables.items()}
        found = {name: array.shape for name, array in arrays.items() if name not in (_NOTES, _FORMAT)}
        differing = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        if differing:
            raise InputError(
                f"{path}: holds the checkpoint of another network or optimizer ({len(differing)} variables differ, "
                f"the first is {differing[0]}); choose another `output_dir`"
            )


def newest_network(folder: str | os.PathLike) -> dict[str, np.ndarray] | None:
    """The network's variables by path, from the newest undamaged checkpoint in `folder`.

    None if there is no checkpoint, or if the newest has format 1, which does not name its variables.

    Raises:
      InputError: the checkpoint is of a newer format.
    """
    newest = _newest(pathlib.Path(folder)) if pathlib.Path(folder).is_dir() else None
    if newest is None or _FORMAT not in newest[1]:
        return None
    return {name.removeprefix("model/"): array for name, array in newest[1].items() if name.startswith("model/")}


def has_checkpoints(folder: str | os.PathLike) -> bool:
    """Whether `folder` holds checkpoints, damaged or not."""
    return pathlib.Path(folder).is_dir() and bool(_steps(pathlib.Path(folder)))


def newest_notes(folder: str | os.PathLike) -> dict[str, Any] | None:
    """The notes of the newest undamaged checkpoint in `folder`; None if there is no checkpoint.

    Raises:
      InputError: the checkpoint is of a newer format.
    """
    newest = _newest(pathlib.Path(folder)) if pathlib.Path(folder).is_dir() else None
    return newest and json.loads(str(newest[1][_NOTES]))


class _Damaged(Exception):
    """The digest of a checkpoint file does not match its content."""


def _newest(folder: pathlib.Path) -> tuple[pathlib.Path, dict[str, np.ndarray]] | None:
    """The newest undamaged checkpoint; damaged ones are skipped with a warning."""
    for step in reversed(_steps(folder)):
        path = _path(folder, step)
        try:
            arrays = _read(path)
        except (OSError, _Damaged) as error:
            _logger.warning("%s: cannot be used (%s) and is skipped", path, error)
            continue
        if int(arrays.get(_FORMAT, 1)) > FORMAT_VERSION:
            raise InputError(
                f"{path}: has checkpoint format {arrays[_FORMAT]}, this version reads up to {FORMAT_VERSION}; "
                "update contextnet_tf"
            )
        return path, arrays
    return None


def _path(folder: pathlib.Path, step: int) -> pathlib.Path:
    return folder / f"step-{step}.npz"


def _steps(folder: pathlib.Path) -> list[int]:
    """The steps that have a checkpoint, in order."""
    names = (re.fullmatch(r"step-(\d+)\.npz", path.name) for path in folder.iterdir())
    return sorted(int(name[1]) for name in names if name)


def _write(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    with atomic_write(path) as temporary, temporary.open("w+b") as file:
        content: dict[str, Any] = dict(arrays)
        np.savez(file, **content)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(0, os.SEEK_END)
        file.write(digest)
        # Synced before the rename: otherwise a power failure may leave the new name without the content.
        file.flush()
        os.fsync(file.fileno())


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
    content = path.read_bytes()
    if hashlib.sha256(content[:-_DIGEST_BYTES]).digest() != content[-_DIGEST_BYTES:]:
        raise _Damaged("it is cut off or was changed")
    with np.load(io.BytesIO(content[:-_DIGEST_BYTES])) as arrays:
        return dict(arrays)


def _named(variables: Iterable[tuple[str, keras.Variable]]) -> dict[str, keras.Variable]:
    """Variables by path; repeated paths get the suffixes :2, :3 and so on."""
    named: dict[str, keras.Variable] = {}
    counts: dict[str, int] = {}
    for path, variable in variables:
        counts[path] = counts.get(path, 0) + 1
        named[path if counts[path] == 1 else f"{path}:{counts[path]}"] = variable
    return named
