"""Parity: whether an exported file computes the same result as its network."""

import dataclasses
import math
import os
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.deployment.engines import ENGINES
from contextnet_tf.deployment.network import at_size
from contextnet_tf.deployment.upsample import upsample_argmax
from contextnet_tf.errors import InputError
from contextnet_tf.models.outputs import without_upsampling

# Runs a file on an image uint8 [H, W, 3]. Returns its values float32 [H/f, W/f, C] (None for a file of labels) and its
# labels uint8 [H, W].
_Run = Callable[[np.ndarray], tuple[np.ndarray | None, np.ndarray]]

# The limits of parity by precision: the largest logit difference, relative to the largest logit, and the smallest share
# of pixels with the same label. Observed on CamVid: at most 1e-5 and 100 %; 1e-3 and 99.99 %; 0.07 and 99.3 %.
LIMITS = {"float32": (1e-3, 0.999), "float16": (0.02, 0.99), "int8": (1.0, 0.8)}


@dataclasses.dataclass(frozen=True)
class Parity:
    """The differences between an exported file and its network over some images.

    Attributes:
      largest_difference: the largest absolute difference of logits, or of probabilities for a file of probabilities;
        None for a file of labels.
      largest_logit: the largest absolute logit (or probability) of the network.
      label_parity: the share of pixels with the same label.
    """

    largest_difference: float | None
    largest_logit: float
    label_parity: float

    @property
    def relative_difference(self) -> float:
        """The largest difference relative to the largest logit; 0 for a file of labels."""
        if not self.largest_difference:
            return 0.0
        return self.largest_difference / self.largest_logit if self.largest_logit else math.inf

    def within_limits(self, precision: str) -> bool:
        """Whether the differences are within the `LIMITS` of this precision."""
        largest_difference, least_parity = LIMITS[precision]
        # Comparisons with NaN are false.
        return self.relative_difference <= largest_difference and self.label_parity >= least_parity


def require_parity(path: str | os.PathLike, model: keras.Model, images: np.ndarray, precision: str) -> Parity:
    """Checks the parity of a file against the limits of its precision; see `check_parity`.

    Raises:
      InputError: the parity is outside the limits; see also `check_parity`.
    """
    parity = check_parity(path, model, images)
    if not parity.within_limits(precision):
        raise InputError(
            f"{os.path.basename(path)}: differs too much from the network (logits differ by up to "
            f"{parity.relative_difference:.1e} of the largest, {parity.label_parity:.2%} of the labels agree); nothing "
            "was written"
        )
    return parity


def check_parity(path: str | os.PathLike, model: keras.Model, images: np.ndarray) -> Parity:
    """Runs an exported file and its network on images uint8 [N, H, W, 3] of the file's size.

    Raises:
      InputError: the file is missing or of another kind, the images are of another size, or the network's logits are
        not finite.
    """
    network = at_size(model, images.shape[1:3])
    exported, probabilities = _run_saved_model(path) if os.path.isdir(path) else _run_file(path)
    small = keras.Model(network.input, [without_upsampling(network)[0].output["main"], network.output["main"]])
    differences, largest, same = [], 0.0, 0
    for image in images:
        eighth, full = (x[0].numpy() for x in small(image[None].astype(np.float32) / 255, training=False))
        if not np.isfinite(full).all():
            raise InputError(f"network {model.name!r}: its logits are not finite; nothing was written")
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
        raise InputError(f"{path}: is not a SavedModel; give a folder that the export wrote") from None

    def run(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        batch = tf.constant(image[None])
        logits = signatures["logits"](image=batch)["logits"]
        labels = signatures["serving_default"](image=batch)["labels"]
        return logits[0].numpy(), labels[0].numpy()

    return run, False


def _run_file(path: str | os.PathLike) -> tuple[_Run, bool]:
    """The file as a function, and whether its values are probabilities."""
    engine = ENGINES["onnxruntime" if os.fspath(path).lower().endswith(".onnx") else "litert"](path, None)

    def run(image: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        values = engine.logits(image)
        if values.ndim == 2:
            return None, values
        return values, upsample_argmax(values, image.shape[:2])

    return run, engine.metadata.get("output") == "probabilities"
