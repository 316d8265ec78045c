"""The head of a network: features to logits at image size."""

import keras
from keras import layers


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
