"""Max pooling with indices, and max unpooling by these indices.

SegNet and ENet upsample with this pair. Both layers export to built-in TFLite operators: the pooling to MAX_POOL_2D
and a few EQUAL and SELECT on slices of the features, the unpooling to EQUAL, SELECT, CONCATENATION and RESHAPE. An
index is the position of a maximum in its 2x2 window, not in the image.

Rounding decides between two nearly equal values. Folding and export change the order of summation, so the maximum of
such a window may move by one pixel.
"""

import keras
from keras import layers, ops

from contextnet_tf.errors import InputError


@keras.saving.register_keras_serializable(package="contextnet_tf")
class MaxPoolingWithIndices(layers.Layer):
    """2x2 max pooling: float32 [B, H, W, C] -> [B, H/2, W/2, C], and int32 [B, H/2, W/2, C] in 0 to 3.

    The second output is the index of each maximum in its window: 0 upper left, 1 upper right, 2 lower left, 3 lower
    right; the first of several equal values.

    Raises:
      InputError: H or W is known and odd.
    """

    def call(self, x: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """See the class."""
        pooled = ops.max_pool(x, 2, 2)
        indices = ops.where(x[:, 1::2, 0::2] == pooled, 2, 3)
        indices = ops.where(x[:, 0::2, 1::2] == pooled, 1, indices)
        return pooled, ops.where(x[:, 0::2, 0::2] == pooled, 0, indices)

    # Keras cannot infer the types from shapes alone: the two outputs differ in type.
    def compute_output_spec(self, x: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """The shapes and types of the outputs."""
        batch, height, width, channels = x.shape
        if any(length is not None and length % 2 for length in (height, width)):
            raise InputError(f"layer {self.name!r}: cannot halve {height} x {width}; it takes even sizes")
        height, width = (length and length // 2 for length in (height, width))
        shape = (batch, height, width, channels)
        return keras.KerasTensor(shape, self.compute_dtype), keras.KerasTensor(shape, "int32")


@keras.saving.register_keras_serializable(package="contextnet_tf")
class MaxUnpooling(layers.Layer):
    """2x2 unpooling: features at the indices of the maxima, zeros elsewhere: float32 [B, H, W, C] -> [B, 2H, 2W, C].

    Called as `layer(x, indices)` with the second output of a `MaxPoolingWithIndices`, int32 [B, H, W, C].
    """

    def call(self, x: keras.KerasTensor, indices: keras.KerasTensor) -> keras.KerasTensor:
        """See the class."""
        _, height, width, channels = ops.shape(x)
        corners = [ops.where(indices == index, x, ops.zeros_like(x)) for index in range(4)]
        # Concatenation along channels, then a reshape, interleaves the corners as neighboring pixels.
        upper, lower = (
            ops.reshape(ops.concatenate(pair, axis=-1), (-1, height, 2 * width * channels))
            for pair in (corners[:2], corners[2:])
        )
        both = ops.concatenate([upper, lower], axis=-1)
        return ops.reshape(both, (-1, 2 * height, 2 * width, channels))

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], indices_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """The shape of the output."""
        batch, height, width, channels = x_shape
        return (batch, height and 2 * height, width and 2 * width, channels)
