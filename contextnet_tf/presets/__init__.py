"""Trained networks that come with the package, by name.

A preset is a folder `NAME/` beside this file with the layout of a run's folder: best.keras, result.json, and in
export/ an int8 TFLite file. Its card.md describes training data, accuracy and limits.
`python -m experiments.make_preset` writes such a folder from a run.
"""

import os
import pathlib
from typing import TYPE_CHECKING

from contextnet_tf.errors import InputError
from contextnet_tf.models.loading import load_network

if TYPE_CHECKING:
    import keras

PREFIX = "preset:"
CARD = "card.md"
_FOLDER = pathlib.Path(__file__).parent


def preset_names() -> tuple[str, ...]:
    """The names of all presets, sorted."""
    return tuple(sorted(path.parent.name for path in _FOLDER.glob(f"*/{CARD}")))


def preset_dir(name: str) -> pathlib.Path:
    """The folder of the preset `name`.

    Raises:
      InputError: there is no preset of that name.
    """
    if name not in preset_names():
        raise InputError(f"{name!r}: no such preset; the presets are {', '.join(preset_names()) or 'not installed'}")
    return _FOLDER / name


def load_preset(name: str) -> "keras.Model":
    """The trained network `name`: float32 [B, H, W, 3] in [0, 1] -> {"main": logits float32 [B, H, W, C]}.

    H and W may be any multiples of its size multiple (`size_multiple`). Batch normalization is not folded.

    Raises:
      InputError: there is no preset of that name, or its file is damaged.
      NotInstalledError: Keras or TensorFlow is not installed. `Segmenter` runs a preset without them.
    """
    return load_network(preset_dir(name))


def exported_preset(checkpoint: str | os.PathLike) -> str | os.PathLike:
    """The TFLite file of a preset for "preset:NAME"; every other `checkpoint` is returned as it is.

    Raises:
      InputError: there is no preset of that name.
    """
    folder = resolved(checkpoint)
    return folder if folder == checkpoint else next(pathlib.Path(folder, "export").glob("*.tflite"))


def resolved(checkpoint: str | os.PathLike) -> str | os.PathLike:
    """The folder of a preset for "preset:NAME"; every other `checkpoint` is returned as it is.

    Raises:
      InputError: there is no preset of that name, or `checkpoint` is the name of a preset and not of a file.
    """
    text = os.fspath(checkpoint)
    if text.startswith(PREFIX):
        return preset_dir(text.removeprefix(PREFIX))
    if text in preset_names() and not os.path.exists(text):
        raise InputError(f"{text}: is not a file; the preset of that name is {PREFIX}{text}")
    return checkpoint
