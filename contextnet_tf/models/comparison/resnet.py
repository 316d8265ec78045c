"""The ResNet backbones (He, Zhang, Ren, Sun, 2016) of DeepLab v2, PSPNet and ICNet.

All three have an output stride of 8: the last two stages are dilated instead of down-sampled. Batch normalization has
the epsilon 1e-5 of the originals and PSPNet's momentum of 0.05, which is 0.95 in Keras. Kernels have He
initialization.
"""

import functools
from collections.abc import Iterable
from typing import Literal

import keras
from keras import layers

from contextnet_tf.models import blocks

# Convolution and batch normalization with the settings of all three networks.
conv_bn = functools.partial(blocks.conv_bn, epsilon=1e-5, momentum=0.95)


def conv_bn_relu(
    x: keras.KerasTensor, channels: int, kernel_size: int, name: str, stride: int = 1, dilation: int = 1
) -> keras.KerasTensor:
    """Convolution, batch normalization, ReLU: float32 [B, H, W, C] -> [B, H/stride, W/stride, channels]."""
    x = conv_bn(x, channels, kernel_size, name, stride, dilation)
    return layers.ReLU(name=f"{name}_relu")(x)


def deep_stem(x: keras.KerasTensor, channels: tuple[int, int, int]) -> keras.KerasTensor:
    """Three 3x3 convolutions and max pooling, as in PSPNet: float32 [B, H, W, 3] -> [B, H/4, W/4, channels[2]]."""
    for number, (made, stride) in enumerate(zip(channels, (2, 1, 1), strict=True), start=1):
        x = conv_bn_relu(x, made, 3, f"conv1_{number}", stride)
    return pool(x)


def pool(x: keras.KerasTensor) -> keras.KerasTensor:
    """The 3x3 max pooling after the stem: float32 [B, H, W, C] -> [B, H/2, W/2, C]."""
    return layers.MaxPooling2D(3, strides=2, padding="same", name="pool1")(x)


def stage(
    x: keras.KerasTensor,
    name: str,
    width: int,
    numbers: Iterable[int],
    *,
    stride: int = 1,
    dilation: int = 1,
    strided: Literal["reduce", "3x3"] = "reduce",
) -> keras.KerasTensor:
    """A sequence of bottlenecks: float32 [B, H, W, C] -> [B, H/stride, W/stride, 4 width].

    `numbers` are the suffixes of the block names: `NAME_1` and so on. The first block has the stride, in the
    convolution `strided`; all blocks have the dilation.
    """
    for number in numbers:
        x = bottleneck(x, width, f"{name}_{number}", stride, dilation, strided)
        stride = 1
    return x


def bottleneck(
    x: keras.KerasTensor,
    width: int,
    name: str,
    stride: int = 1,
    dilation: int = 1,
    strided: Literal["reduce", "3x3"] = "reduce",
) -> keras.KerasTensor:
    """1x1, 3x3 and 1x1 convolutions with a shortcut: float32 [B, H, W, C] -> [B, H/stride, W/stride, 4 width].

    The shortcut is a projection if the size or the number of channels changes. He et al. put the stride in the first
    1x1 convolution ("reduce"), later networks in the 3x3 convolution.
    """
    strides = {"reduce": 1, "3x3": 1} | {strided: stride}
    y = conv_bn_relu(x, width, 1, f"{name}_reduce", strides["reduce"])
    y = conv_bn_relu(y, width, 3, f"{name}_3x3", strides["3x3"], dilation)
    y = conv_bn(y, 4 * width, 1, f"{name}_increase")
    if stride > 1 or x.shape[-1] != 4 * width:
        x = conv_bn(x, 4 * width, 1, f"{name}_project", stride)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([y, x]))
