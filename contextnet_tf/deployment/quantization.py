"""A network in int8: weights with a scale for each channel, features with the ranges that images gave them."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.deployment import tflite_graph
from contextnet_tf.deployment.conversion import converter_for
from contextnet_tf.errors import InputError

# Fewer leave the ranges of rare features to chance, and no dataset is that small.
LEAST_IMAGES = 2


def check_calibration(images: Sequence[np.ndarray] | None, size: tuple[int, int]) -> None:
    """Checks that there are images to calibrate with, uint8 [H, W, 3] of the (height, width) `size`.

    Raises:
      InputError: there are too few, or one is of another kind.
    """
    count = 0 if images is None else len(images)
    if count < LEAST_IMAGES:
        raise InputError(
            f"int8 is calibrated with images of the training split: {count} given, {LEAST_IMAGES} are the least"
        )
    for image in images:
        if image.dtype != np.uint8 or image.shape != (*size, 3):
            raise InputError(f"a calibration image is {image.dtype} {list(image.shape)}; it must be uint8 {[*size, 3]}")


def int8_content(
    part: keras.Model, output: str, images: Sequence[np.ndarray], float_layers: Sequence[str] = ()
) -> bytes:
    """The TFLite file of the part in int8: int8 in for 0 to 1; logits int8, labels uint8, probabilities float32 out.

    Args:
      part: see `conversion.part_with_output`.
      output: see `conversion.converter_for`.
      images: uint8 [N, H, W, 3]; the range of each feature is from its smallest to its largest value over them.
      float_layers: names of layers with a kernel that stay in float32, with a DEQUANTIZE before and a
        QUANTIZE behind.

    Raises:
      InputError: there is no layer of that name.
    """
    # A second to load, and nobody else needs it. It is what the converter itself calls after calibrating;
    # the converter's own interface has no way to leave layers out.
    from tensorflow.lite.python.convert import mlir_quantize

    calibrated = _calibrated(part, output, images)
    left_out = _outputs_of(calibrated, float_layers)
    if output != "probabilities":
        return bytes(mlir_quantize(calibrated, fully_quantize=True, denylisted_nodes=left_out))
    left_out.append(tflite_graph.output_name(calibrated))  # an int8 soft-max knows 1/256 and no less
    quantized = mlir_quantize(calibrated, fully_quantize=True, denylisted_nodes=left_out)
    return tflite_graph.with_float_output(bytes(quantized))


def _calibrated(part: keras.Model, output: str, images: Sequence[np.ndarray]) -> bytes:
    """The float32 file with the range of every feature noted in it."""

    def samples() -> Iterator[list[np.ndarray]]:
        for image in images:
            yield [image[np.newaxis] / np.float32(255)]

    converter = converter_for(part, output)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter._experimental_calibrate_only = True
    return tflite_graph.with_image_range(converter.convert())


def _outputs_of(calibrated: bytes, layers: Sequence[str]) -> list[str]:
    known = tflite_graph.layer_outputs(calibrated)
    for name in layers:
        if name not in known:
            raise InputError(f"{name!r} is no layer with a kernel; those are: {', '.join(known)}")
    return [known[name] for name in layers]
