"""Layers with the defaults of Torch 7, for the networks whose originals are written in it: ENet and ERFNet.

Weights and biases start uniform in -b to b, b = 1/sqrt(kernel area x input channels). Batch normalization has
the epsilon 1e-3 of both originals and Torch's momentum (0.1 for the new value, which Keras calls 0.9). In the
originals, convolutions right before batch normalization have a bias, too; it has no effect there and is left out.
"""

import keras
from keras import layers


def batch_norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Batch normalization after the layer `name`; any shape, which it keeps."""
    return layers.BatchNormalization(epsilon=1e-3, momentum=0.9, name=f"{name}_bn")(x)


def convolution(
    x: keras.KerasTensor,
    channels: int,
    kernel_size: tuple[int, int],
    name: str,
    *,
    stride: int = 1,
    dilation: tuple[int, int] = (1, 1),
    use_bias: bool = False,
) -> keras.KerasTensor:
    """A convolution alone: float32 [B, H, W, C] -> [B, H/stride, W/stride, channels]."""
    return layers.Conv2D(
        channels,
        kernel_size,
        strides=stride,
        dilation_rate=dilation,
        padding="same",
        use_bias=use_bias,
        **_initializers(x, kernel_size),
        name=name,
    )(x)


def transposed(
    x: keras.KerasTensor,
    channels: int,
    kernel_size: tuple[int, int],
    name: str,
    *,
    use_bias: bool = False,
    dtype: str | None = None,
) -> keras.KerasTensor:
    """A transposed convolution of stride 2 alone: float32 [B, H, W, C] -> [B, 2H, 2W, channels]."""
    return layers.Conv2DTranspose(
        channels,
        kernel_size,
        strides=2,
        padding="same",
        use_bias=use_bias,
        **_initializers(x, kernel_size),
        dtype=dtype,
        name=name,
    )(x)


def downsample(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    """ENet's initial block (its Figure 2a): float32 [B, H, W, C] -> [B, H/2, W/2, channels].

    The pooled input beside a 3x3 convolution to the other channels, then batch normalization. ERFNet
    takes it over for all its down-sampling.
    """
    convolved = convolution(x, channels - x.shape[-1], (3, 3), f"{name}_conv", stride=2)
    pooled = layers.MaxPooling2D(name=f"{name}_pool")(x)
    return batch_norm(layers.Concatenate(name=name)([convolved, pooled]), name)


def _initializers(x: keras.KerasTensor, kernel_size: tuple[int, int]) -> dict[str, keras.Initializer]:
    """Made for one layer: an initializer object shared by layers would give them the same values."""
    bound = (kernel_size[0] * kernel_size[1] * x.shape[-1]) ** -0.5
    return {f"{weight}_initializer": keras.initializers.RandomUniform(-bound, bound) for weight in ("kernel", "bias")}
