"""Converts a network to a TFLite graph, from a float32 image in 0 to 1 to logits, labels or probabilities."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from contextnet_tf.deployment.tflite.graph import TFLiteGraph
from contextnet_tf.machine import quietly
from contextnet_tf.models.outputs import without_aux_heads, without_upsampling


def part_with_output(network: keras.Model, output: str) -> keras.Model:
    """The part of the network that `output` needs: up to the logits before upsampling, or the whole network."""
    if output != "logits":
        return network
    part, _ = without_upsampling(without_aux_heads(network))
    return part


def converter_for(part: keras.Model, output: str) -> tf.lite.TFLiteConverter:
    """A converter for the part, with its fixed image size and batch 1.

    The signature `serving_default` maps `image` float32 [1, H, W, 3] in 0 to 1 to one of

      logits         float32 [1, H/8, W/8, C]
      labels         uint8 [1, H, W]
      probabilities  float32 [1, H, W, C]
    """
    functions = [_frozen(part, output).get_concrete_function()]
    # Without a module, even an empty one, the file would have no signature.
    return tf.lite.TFLiteConverter.from_concrete_functions(functions, tf.Module())


def converted(converter: tf.lite.TFLiteConverter) -> bytes:
    """The content of the converter's file; the converter's own output is discarded."""
    with quietly():
        return converter.convert()


def float_graph(part: keras.Model, output: str, *, float16: bool) -> TFLiteGraph:
    """The graph of the part with float32 weights, or with float16 weights for computing in float32 or float16."""
    converter = converter_for(part, output)
    if float16:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        # XNNPACK computes in float16, where the processor can, only if the file allows sums in float16 too. The
        # converter's default asks for float32 sums, which makes XNNPACK compute all of the file in float32.
        converter.target_spec._experimental_supported_accumulation_type = tf.float16
    return TFLiteGraph(converted(converter))


def _frozen(part: keras.Model, output: str) -> Any:
    """The part as a function with every dimension fixed and the weights as constants.

    Only in such a function does the converter fuse dilation, bias and clipping into the convolutions.
    """
    finish = _FINISH[output]
    trainable = [x.numpy() for x in part.trainable_variables]
    others = [x.numpy() for x in part.non_trainable_variables]

    @tf.function(input_signature=[tf.TensorSpec([1, *part.input_shape[1:]], tf.float32, name="image")])
    def frozen(image: tf.Tensor) -> dict[str, tf.Tensor]:
        constants = [tf.constant(x) for x in trainable], [tf.constant(x) for x in others]
        outputs, _ = part.stateless_call(*constants, image, training=False)
        return {output: finish(outputs)}

    return frozen


def _labels(outputs: dict[str, tf.Tensor]) -> tf.Tensor:
    # Not keras.ops.argmax, which has no built-in TFLite operator.
    return tf.cast(tf.argmax(outputs["main"], axis=-1, output_type=tf.int32), tf.uint8)


_FINISH: dict[str, Callable[[Any], tf.Tensor]] = {
    "logits": lambda outputs: outputs["main"],
    "labels": _labels,
    "probabilities": lambda outputs: tf.nn.softmax(outputs["main"]),
}
