"""Max pooling that remembers where the maxima stood, and the unpooling that puts features back there.

The pair that SegNet and ENet upsample with. Both are exported with the built-in operators of TFLite alone: the
pooling as MAX_POOL_2D and a few EQUAL and SELECT on slices of the features, the unpooling as EQUAL, SELECT,
CONCATENATION and RESHAPE. No index into the whole image is ever computed.

Which of two nearly equal values is the larger can change with the order of a sum's terms: after folding or
export, the feature of such a window may come to stand one pixel beside.
"""

import keras
from keras import layers, ops

from contextnet_tf.errors import InputError


@keras.saving.register_keras_serializable(package="contextnet_tf")
class MaxPoolingWithIndices(layers.Layer):
    """2x2 max pooling: float32 [B, H, W, C] -> [B, H/2, W/2, C], and int32 [B, H/2, W/2, C] in 0 to 3.

    The second output says where in its window each maximum stands: 0 upper left, 1 upper right, 2 lower left,
    3 lower right; the first of several that are equal.

    Raises:
      InputError: H or W is known and odd.
    """

    def call(self, x: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """See the class."""
        pooled = ops.max_pool(x, 2, 2)
        places = ops.where(x[:, 1::2, 0::2] == pooled, 2, 3)
        places = ops.where(x[:, 0::2, 1::2] == pooled, 1, places)
        return pooled, ops.where(x[:, 0::2, 0::2] == pooled, 0, places)

    # Not only the shapes: the two outputs differ in type.
    def compute_output_spec(self, x: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """Shapes and types that the call gives."""
        batch, height, width, channels = x.shape
        if any(length is not None and length % 2 for length in (height, width)):
            raise InputError(f"layer {self.name!r}: cannot halve {height} x {width}; it takes even sizes")
        height, width = (length and length // 2 for length in (height, width))
        shape = (batch, height, width, channels)
        return keras.KerasTensor(shape, self.compute_dtype), keras.KerasTensor(shape, "int32")


@keras.saving.register_keras_serializable(package="contextnet_tf")
class MaxUnpooling(layers.Layer):
    """Features at the places of the maxima, zeros elsewhere: float32 [B, H, W, C] -> [B, 2H, 2W, C].

    Called as `layer(x, places)` with the second output of a `MaxPoolingWithIndices`, int32 [B, H, W, C].
    """

    def call(self, x: keras.KerasTensor, places: keras.KerasTensor) -> keras.KerasTensor:
        """See the class."""
        _, height, width, channels = ops.shape(x)
        corners = [ops.where(places == place, x, ops.zeros_like(x)) for place in range(4)]
        # Side by side in the last axis is side by side in the image once the axes before it are taken apart.
        upper, lower = (
            ops.reshape(ops.concatenate(pair, axis=-1), (-1, height, 2 * width * channels))
            for pair in (corners[:2], corners[2:])
        )
        both = ops.concatenate([upper, lower], axis=-1)
        return ops.reshape(both, (-1, 2 * height, 2 * width, channels))

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], places_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """The shape that the call gives."""
        batch, height, width, channels = x_shape
        return (batch, height and 2 * height, width and 2 * width, channels)
