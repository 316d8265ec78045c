"""Layers with the defaults of Torch 7, the framework of the original ENet and ERFNet.

Weights and biases are initialized uniformly in -b to b, b = 1/sqrt(kernel area x input channels). Batch normalization
has the epsilon 1e-3 of both originals and Torch's momentum of 0.1, which is 0.9 in Keras. In the originals,
convolutions directly before batch normalization also have a bias; it has no effect and is omitted.
"""

import keras
from keras import layers


def batch_norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Batch normalization after the layer `name`; any shape -> the same shape."""
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
    """A convolution without normalization: float32 [B, H, W, C] -> [B, H/stride, W/stride, channels]."""
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
    """A transposed convolution of stride 2: float32 [B, H, W, C] -> [B, 2H, 2W, channels]."""
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

    Concatenates a 3x3 convolution of stride 2 with the max-pooled input; batch normalization follows. ERFNet uses this
    block for all down-sampling.
    """
    convolved = convolution(x, channels - x.shape[-1], (3, 3), f"{name}_conv", stride=2)
    pooled = layers.MaxPooling2D(name=f"{name}_pool")(x)
    return batch_norm(layers.Concatenate(name=name)([convolved, pooled]), name)


def _initializers(x: keras.KerasTensor, kernel_size: tuple[int, int]) -> dict[str, keras.Initializer]:
    """New initializers for one layer: a shared initializer object would give layers the same values."""
    bound = (kernel_size[0] * kernel_size[1] * x.shape[-1]) ** -0.5
    return {f"{weight}_initializer": keras.initializers.RandomUniform(-bound, bound) for weight in ("kernel", "bias")}
