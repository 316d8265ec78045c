"""Batch normalization merged into the convolution before it, for inference (section 3.1)."""

import keras
import numpy as np
from keras import layers

from contextnet_tf.models import graph
from contextnet_tf.models.rewrite import WithWeights, copy_layer, rewrite


def fold_batch_norm(model: keras.Model) -> keras.Model:
    """A copy of the network with batch normalization folded into the preceding convolutions.

    Section 3.1: "During inference, parameters of batch normalization are merged with the weights and bias
    of parent layers." The copy has the same inputs, outputs and layer names, except for the removed normalizations.
    A folded convolution has a bias. The copy is not compiled and shares no weights with `model`, which is not
    changed. Batch normalization is folded only if it directly follows a linear convolution and is the only user of
    the convolution's output.

    Raises:
      InputError: the model is not functional.
    """
    graph.require_model(model)
    merged = graph.batch_norms_after_convolutions(model)

    def fold(layer: keras.Layer) -> keras.Layer | WithWeights:
        if layer not in merged:
            return copy_layer(layer)
        return WithWeights(copy_layer(layer, use_bias=True), _merged_weights(layer, merged[layer]))

    return rewrite(model, fold, drop={batch_norm for followers in merged.values() for batch_norm in followers})


def _merged_weights(convolution: keras.Layer, batch_norms: tuple[layers.BatchNormalization, ...]) -> list[np.ndarray]:
    """Kernels and bias of `convolution` with `batch_norms` folded in, first to last."""
    scale, shift = np.ones(()), _float64(convolution.bias) if convolution.use_bias else np.zeros(())
    for batch_norm in batch_norms:
        factor, offset = _scale_and_shift(batch_norm)
        scale, shift = scale * factor, shift * factor + offset
    if isinstance(convolution, graph.SEPARABLE):
        kernel = _float64(convolution.pointwise_kernel)
        return [_float64(convolution.depthwise_kernel), kernel * scale, shift]
    kernel = _float64(convolution.kernel)
    return [kernel * _along_output_channels(scale, convolution, kernel), shift]


def _along_output_channels(scale: np.ndarray, convolution: keras.Layer, kernel: np.ndarray) -> np.ndarray:
    """One factor per output channel, shaped to broadcast over the kernel."""
    if isinstance(convolution, graph.TRANSPOSED):
        return scale[:, np.newaxis]  # kernel [..., out, in]
    if isinstance(convolution, graph.DEPTHWISE):
        return scale.reshape(kernel.shape[-2:])  # kernel [..., in, multiplier], out = in x multiplier
    return scale  # kernel [..., in, out]


def _scale_and_shift(batch_norm: layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """Batch normalization at inference as y = scale x + shift; float64 [C] each."""
    scale = 1.0 / np.sqrt(_float64(batch_norm.moving_variance) + batch_norm.epsilon)
    if batch_norm.scale:
        scale = scale * _float64(batch_norm.gamma)
    shift = -_float64(batch_norm.moving_mean) * scale
    if batch_norm.center:
        shift = shift + _float64(batch_norm.beta)
    return scale, shift


def _float64(variable: keras.Variable) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable), np.float64)
