"""The quantization error of each layer: features of an int8 file compared with those of the float32 file."""

import os
from collections.abc import Sequence

import numpy as np

from contextnet_tf.deployment.tflite.graph import TFLiteGraph
from contextnet_tf.errors import InputError


def layer_errors(
    reference: str | os.PathLike, path: str | os.PathLike, images: Sequence[np.ndarray]
) -> dict[str, float]:
    """The error of each layer with a kernel that exists in both TFLite files, in the order of the file `path`.

    The error is the root mean square of the difference divided by the root mean square of the reference features,
    over all images. It includes the errors of earlier layers.

    Args:
      reference: the float32 file.
      path: a file of another precision, with the same network and image size.
      images: uint8 [H, W, 3] of the files' size.

    Raises:
      InputError: the files have no layer in common.
    """
    exact, rounded = _Features(reference), _Features(path)
    names = [name for name in rounded.layers if name in exact.layers]
    if not names:
        raise InputError(f"{path}: has no layer of {reference}; both must be files of the same network")
    difference, size = np.zeros(len(names)), np.zeros(len(names))
    for image in images:
        exact.run(image)
        rounded.run(image)
        for i, name in enumerate(names):
            expected = exact.of(name)
            difference[i] += np.square(rounded.of(name) - expected).sum(dtype=np.float64)
            size[i] += np.square(expected).sum(dtype=np.float64)
    errors = np.sqrt(difference / np.maximum(size, np.finfo(np.float64).tiny))
    return dict(zip(names, errors.tolist(), strict=True))


class _Features:
    """Runs a TFLite file and keeps its features readable. Slow, since this excludes delegates."""

    def __init__(self, path: str | os.PathLike):
        from ai_edge_litert.interpreter import Interpreter, OpResolverType  # takes a second

        with open(path, "rb") as file:
            content = file.read()
        self._interpreter = Interpreter(
            model_content=content,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
        self._interpreter.allocate_tensors()
        details = {x["name"]: x for x in self._interpreter.get_tensor_details()}
        self.layers = {layer: details[tensor] for layer, tensor in TFLiteGraph(content).layer_outputs().items()}

    def run(self, image: np.ndarray) -> None:
        """Runs the file on one image uint8 [H, W, 3]."""
        self._interpreter.set_tensor(self._interpreter.get_input_details()[0]["index"], image[np.newaxis])
        self._interpreter.invoke()

    def of(self, layer: str) -> np.ndarray:
        """The layer's features of the last image, float32 [1, h, w, C]."""
        details = self.layers[layer]
        features = self._interpreter.get_tensor(details["index"])
        scale, zero_point = details["quantization"]
        return (features.astype(np.float32) - zero_point) * np.float32(scale) if scale else features
