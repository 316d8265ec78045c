"""The head of a network: features to logits at image size, and the logits of an ensemble."""

import keras
from keras import layers, ops

# float32 cannot resolve smaller probabilities beside those near 1, and an int8 file needs a finite range.
_LEAST_PROBABILITY = 1e-7


@keras.saving.register_keras_serializable(package="contextnet_tf")
class LogOfMean(layers.Layer):
    """The logarithm of the mean of several probabilities: a list of float32 [B, H, W, C] -> float32 [B, H, W, C].

    Probabilities below 1e-7 count as 1e-7.
    """

    def call(self, probabilities: list[keras.KerasTensor]) -> keras.KerasTensor:
        """See the class."""
        mean = sum(probabilities[1:], probabilities[0]) * (1.0 / len(probabilities))
        return ops.log(ops.maximum(mean, _LEAST_PROBABILITY))

    def compute_output_shape(self, input_shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """The output shape."""
        return input_shapes[0]


def classify(x: keras.KerasTensor, num_classes: int, factor: int, classifier: str, name: str) -> keras.KerasTensor:
    """1x1 convolution to logits and upsampling: [B, H, W, C] -> float32 [B, factor H, factor W, num_classes].

    `classifier` and `name` are the names of the two layers. They compute in float32 even in mixed precision: the loss
    depends on small differences between logits.
    """
    x = layers.Conv2D(num_classes, 1, kernel_initializer="he_normal", dtype="float32", name=classifier)(x)
    return upsample(x, factor, name, dtype="float32")


def upsample(x: keras.KerasTensor, factor: int, name: str, dtype: str | None = None) -> keras.KerasTensor:
    """Bilinear interpolation with half-pixel centers: [B, H, W, C] -> [B, factor H, factor W, C]."""
    return layers.UpSampling2D(factor, interpolation="bilinear", dtype=dtype, name=name)(x)
