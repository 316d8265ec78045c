"""int8 quantization: a scale per channel for weights; ranges from calibration images for features."""

from collections.abc import Iterable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.deployment.tflite.conversion import converted, converter_for
from contextnet_tf.deployment.tflite.graph import TFLiteGraph
from contextnet_tf.errors import InputError, reason_of
from contextnet_tf.machine import quietly

# One image would leave the ranges of rare features to chance, and every dataset has two.
LEAST_IMAGES = 2


def checked_calibration(images: Iterable[np.ndarray] | None, size: tuple[int, int]) -> Sequence[np.ndarray]:
    """The calibration images, checked: at least `LEAST_IMAGES`, each uint8 [H, W, 3] of the (height, width) `size`.

    Raises:
      InputError: there are fewer images, or one has another type or shape.
    """
    if not isinstance(images, Iterable | None):
        raise InputError(f"calibration images are a {type(images).__name__}; give a list of uint8 arrays [H, W, 3]")
    images = list(() if images is None else images)
    if len(images) < LEAST_IMAGES:
        raise InputError(
            f"int8 is calibrated on images of the training split: {len(images)} given, at least {LEAST_IMAGES} are "
            "needed"
        )
    for image in images:
        if not isinstance(image, np.ndarray):
            raise InputError(f"a calibration image is a {type(image).__name__}; it must be uint8 {[*size, 3]}")
        if image.dtype != np.uint8 or image.shape != (*size, 3):
            raise InputError(f"a calibration image is {image.dtype} {list(image.shape)}; it must be uint8 {[*size, 3]}")
    return images


def int8_graph(
    part: keras.Model, output: str, images: Sequence[np.ndarray], float_layers: Sequence[str] = ()
) -> TFLiteGraph:
    """The graph of the part in int8. The image and logits are int8, labels uint8, probabilities float32.

    Args:
      part: see `conversion.part_with_output`.
      output: see `conversion.converter_for`.
      images: uint8 [N, H, W, 3]; the range of a feature is the minimum to the maximum over these images.
      float_layers: names of layers with a kernel that stay in float32, between a DEQUANTIZE and a QUANTIZE.

    Raises:
      InputError: a name in `float_layers` is unknown.
    """
    # Imported here because it takes a second. The converter calls the same function after calibration, but its
    # interface cannot exclude layers.
    from tensorflow.lite.python.convert import mlir_quantize

    calibrated = _calibrated(part, output, images)
    left_out = _outputs_of(calibrated, float_layers)
    if output == "probabilities":
        left_out.append(calibrated.name(calibrated.output))  # an int8 soft-max would have steps of 1/256
    with quietly():
        quantized = mlir_quantize(calibrated.content(), fully_quantize=True, denylisted_nodes=left_out)
    graph = TFLiteGraph(bytes(quantized))
    if output == "probabilities":
        graph.drop_last_operator()  # the operator that quantizes the float32 soft-max
    return graph


def require_runnable(content: bytes) -> None:
    """Checks that LiteRT can run an int8 file. It refuses features without a range, for example of black images.

    Raises:
      InputError: it cannot.
    """
    from ai_edge_litert.interpreter import Interpreter  # takes a second

    try:
        with quietly():
            Interpreter(model_content=content).allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"int8: LiteRT cannot run the file ({reason_of(error)}); calibrate on more images of the training split"
        ) from None


def _calibrated(part: keras.Model, output: str, images: Sequence[np.ndarray]) -> TFLiteGraph:
    """The float32 graph with the range of every feature."""

    def samples() -> Iterator[list[np.ndarray]]:
        for image in images:
            yield [image[np.newaxis] / np.float32(255)]

    converter = converter_for(part, output)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter._experimental_calibrate_only = True
    graph = TFLiteGraph(converted(converter))
    graph.set_image_range()
    return graph


def _outputs_of(calibrated: TFLiteGraph, layers: Sequence[str]) -> list[str]:
    known = calibrated.layer_outputs()
    for name in layers:
        if name not in known:
            raise InputError(f"{name!r} is not a layer with a kernel; choose from: {', '.join(known)}")
    return [known[name] for name in layers]
