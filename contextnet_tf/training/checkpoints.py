"""The folder of a run: what it was started with, and the state it can go on from."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from contextnet_tf.errors import InputError
from contextnet_tf.files import make_folder, read_json, write_json

_SETTINGS = "settings.json"


def claim_folder(output_dir: str | os.PathLike, settings: Mapping[str, Any], resume: bool) -> pathlib.Path:
    """Takes `output_dir` for the run that `settings` describes, without touching another's.

    Raises:
      InputError: the folder cannot be written, holds something else, holds a run and `resume` is off,
        or holds a run that was started with other settings.
    """
    folder = make_folder(output_dir)
    path = folder / _SETTINGS
    if path.exists():
        if not resume:
            raise InputError(f"{folder}: holds a run; go on with it by --resume, or name another --output_dir")
        _check_same(folder, read_json(path), settings)
    elif any(folder.iterdir()):
        raise InputError(f"{folder}: is not empty and holds no run; name another --output_dir")
    else:
        write_json(path, settings)
    return folder


class Checkpoints:
    """The state of a run on disk: the last few, each whole or not there."""

    def __init__(self, folder: str | os.PathLike, state: Mapping[str, Sequence[tf.Variable]], keep: int = 3):
        checkpoint = tf.train.Checkpoint(**{name: list(variables) for name, variables in state.items()})
        self._manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=keep)
        self._checkpoint = checkpoint

    def restore(self) -> bool:
        """Sets the variables to the newest saved state; False where there is none.

        Raises:
          InputError: the newest state cannot be read, or is that of another network.
        """
        latest = self._manager.latest_checkpoint
        if latest is None:
            return False
        try:
            self._checkpoint.restore(latest).assert_consumed()
        except (tf.errors.OpError, AssertionError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{latest}: cannot be restored ({reason}); remove it to use the one before") from None
        return True

    def save(self, step: int) -> str:
        """Writes the variables as the state of `step`; returns the path."""
        return self._manager.save(checkpoint_number=step)


def _check_same(folder: pathlib.Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    before, now = _flattened(before), _flattened(now)
    changes = [
        f"{name} was {before.get(name)!r} and is now {now.get(name)!r}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    if changes:
        raise InputError(f"{folder}: holds a run with other settings ({'; '.join(changes)}); name another --output_dir")


def _flattened(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flattened(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
