"""Loading a network from a file."""

import os
import pathlib
import re
import tempfile
import zipfile
from typing import TYPE_CHECKING

from contextnet_tf.arguments import checked_path
from contextnet_tf.errors import InputError, needed_by, reason_of

if TYPE_CHECKING:
    import keras

BEST_NETWORK = "best.keras"  # the file in a run folder


def load_network(
    checkpoint: str | os.PathLike, *, model: str | None = None, num_classes: int | None = None
) -> "keras.Model":
    """Reads a network, not compiled, from a .keras file or from a run folder (its best network).

    Keras' safe mode stays on: no code in the file is executed.

    Args:
      checkpoint: the file or folder.
      model: required name of the network, for example "cn14"; None: any.
      num_classes: required number of classes; None: any.

    Raises:
      InputError: the file is missing or damaged, is not a segmentation network, has weights that are not finite, or has
        another name or number of classes than required.
      NotInstalledError: Keras or TensorFlow is not installed.
    """
    path = network_path(checkpoint)
    with needed_by("a .keras file"):  # here, so that `network_path` loads no Keras
        import keras

        from contextnet_tf.models import graph
    network = _load(path)
    if not isinstance(network, keras.Model) or "main" not in _output_names(network):
        raise InputError(f"{path}: is a Keras file, but not a segmentation network (it has no output 'main')")
    for check in (graph.require_segmentation_network, graph.require_finite_weights):
        try:
            check(network)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    if model is not None and network.name != model:
        raise InputError(f"{path}: holds the network {network.name!r}, not {model!r}")
    classes = network.output["main"].shape[-1]
    if num_classes is not None and classes != num_classes:
        raise InputError(f"{path}: the network has {classes} classes, {num_classes} are needed")
    return network


def network_path(checkpoint: str | os.PathLike) -> pathlib.Path:
    """The .keras file of `checkpoint`: itself, or the best network in a run folder.

    Raises:
      InputError: the file does not exist, or is no .keras file.
    """
    path = checked_path(checkpoint)
    if path.is_dir():
        if not (path / BEST_NETWORK).is_file():
            raise InputError(
                f"{path}: holds no {BEST_NETWORK}; give a .keras file or the folder of a run, which has one from its "
                "first validation on, or without validation from its end"
            )
        return path / BEST_NETWORK
    if not path.is_file():
        raise InputError(f"{path}: does not exist; give a .keras file or the folder of a trained run")
    if path.suffix.lower() != ".keras" or not zipfile.is_zipfile(path):
        raise InputError(f"{path}: is not a .keras file, or is truncated; give one that training wrote")
    return path


def _load(path: pathlib.Path) -> "keras.Model":
    import keras

    import contextnet_tf.models.keras_settings  # noqa: F401

    # They register the classes that a .keras file may name besides Keras' own.
    from contextnet_tf.models import logits, network, pyramid, unpooling  # noqa: F401

    try:
        if path.suffix == ".keras":
            return keras.saving.load_model(path, compile=False)
        with tempfile.TemporaryDirectory() as folder:  # Keras knows the suffix in lower case only
            link = pathlib.Path(folder, BEST_NETWORK)
            link.symlink_to(path.absolute())
            return keras.saving.load_model(link, compile=False)
    except Exception as error:  # a damaged file can raise any exception in Keras' loader
        raise InputError(f"{path}: cannot be loaded as a network ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    """Keras' reason; where the file needs code that is not loaded, what needs it instead of how to allow code."""
    text = str(error)
    if "`Lambda` layer" in text:
        return "it has a Lambda layer, whose Python code is not run; replace it by a layer of Keras, and save it again"
    if unknown := re.search(r"Could not locate (?:class|function) '([^']+)'", text):
        return f"it needs {unknown[1]}, which is neither of Keras nor of contextnet_tf; replace it, and save it again"
    return reason_of(error)


def _output_names(network: "keras.Model") -> list[str]:
    return list(network.output) if isinstance(getattr(network, "output", None), dict) else []
