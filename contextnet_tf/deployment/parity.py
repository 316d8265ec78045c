"""An exported file beside the network that it was made of."""

import dataclasses
import os
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.deployment.engines.litert import LiteRTEngine
from contextnet_tf.deployment.network import at_size
from contextnet_tf.deployment.upsample import upsample_argmax
from contextnet_tf.errors import InputError
from contextnet_tf.models.outputs import without_upsampling

# Runs a file: an image uint8 [H, W, 3] -> its values float32 [H/f, W/f, C], none where the file gives labels
# alone, and its labels uint8 [H, W].
_Run = Callable[[np.ndarray], tuple[np.ndarray | None, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Parity:
    """How an exported file compares with its network over some images.

    `largest_difference` is the largest of a logit's absolute difference, of a probability's for a file that
    gives those; None for one that gives labels alone. `largest_logit` is the network's largest absolute logit
    (or probability), `label_parity` the share of pixels with the same label.
    """

    largest_difference: float | None
    largest_logit: float
    label_parity: float


def check_parity(path: str | os.PathLike, model: keras.Model, images: np.ndarray) -> Parity:
    """Runs an exported file and its network on uint8 [N, H, W, 3] images of the file's size.

    Raises:
      InputError: the file is missing or of another kind, or the images are of another size.
    """
    network = at_size(model, images.shape[1:3])
    exported, probabilities = _run_saved_model(path) if os.path.isdir(path) else _run_tflite(path)
    small = keras.Model(network.input, [without_upsampling(network)[0].output["main"], network.output["main"]])
    differences, largest, same = [], 0.0, 0
    for image in images:
        eighth, full = (x[0].numpy() for x in small(image[None].astype(np.float32) / 255, training=False))
        values, labels = exported(image)
        if probabilities:
            expected = tf.nn.softmax(full).numpy()
        else:
            expected = eighth if values is not None and values.shape == eighth.shape else full
        if values is not None:
            differences.append(float(np.abs(values - expected).max()))
        largest = max(largest, float(np.abs(expected).max()))
        same += int(np.count_nonzero(labels == full.argmax(axis=-1)))
    return Parity(max(differences, default=None), largest, same / images[..., 0].size)


def _run_saved_model(path: str | os.PathLike) -> tuple[_Run, bool]:
    try:
        signatures = tf.saved_model.load(str(path)).signatures
    except OSError:
        raise InputError(f"{path}: is no SavedModel; name the folder that the export wrote") from None

    def run(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        batch = tf.constant(image[None])
        logits = signatures["logits"](image=batch)["logits"]
        labels = signatures["serving_default"](image=batch)["labels"]
        return logits[0].numpy(), labels[0].numpy()

    return run, False


def _run_tflite(path: str | os.PathLike) -> tuple[_Run, bool]:
    """The file as a function, and whether its values are probabilities."""
    engine = LiteRTEngine(path)

    def run(image: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        values = engine.logits(image)
        if values.ndim == 2:
            return None, values
        return values, upsample_argmax(values, image.shape[:2])

    return run, engine.metadata.get("output") == "probabilities"
