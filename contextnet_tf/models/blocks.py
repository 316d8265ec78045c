"""The building blocks of ContextNet: functions from tensor to tensor.

Batch normalization follows each convolution (section 3.1: "batch normalization is used at all layers"), which
therefore has no bias of its own. The nonlinearity is ReLU6.
"""

import functools
from typing import Any

import keras
from keras import layers

# The paper states no initialization; we take He's, which keeps the variance of the features through ReLU layers, as
# no pre-training mends a bad start. It is given by its string: an initializer object would give all layers of one
# shape the same values.
_Convolution = functools.partial(layers.Conv2D, padding="same", use_bias=False, kernel_initializer="he_normal")
_ReLU6 = functools.partial(layers.ReLU, max_value=6.0)


def relu6(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Clips features to 0 to 6; any shape, which it keeps (section 3.1)."""
    return _ReLU6(name=f"{name}_relu6")(x)


def conv_bn(
    x: keras.KerasTensor,
    channels: int,
    kernel_size: int,
    name: str,
    stride: int = 1,
    dilation: int = 1,
    **batch_norm: Any,
) -> keras.KerasTensor:
    """Convolution and batch normalization: float32 [B, H, W, C] -> [B, H/stride, W/stride, channels].

    `batch_norm` are arguments of the normalization, for networks that do not have Keras' default values.
    """
    x = _Convolution(channels, kernel_size, strides=stride, dilation_rate=dilation, name=name)(x)
    return layers.BatchNormalization(name=f"{name}_bn", **batch_norm)(x)


def conv_bn_relu(
    x: keras.KerasTensor, channels: int, kernel_size: int, name: str, stride: int = 1
) -> keras.KerasTensor:
    """Convolution, batch normalization and ReLU6: float32 [B, H, W, C] -> [B, H/stride, W/stride, channels]."""
    return relu6(conv_bn(x, channels, kernel_size, name, stride), name)


def depthwise(
    x: keras.KerasTensor,
    name: str,
    stride: int = 1,
    dilation: int = 1,
    kernel_size: tuple[int, int] = (3, 3),
    padding: str = "same",
) -> keras.KerasTensor:
    """Depth-wise convolution, batch normalization: float32 [B, H, W, C] -> [B, H/stride, W/stride, C]."""
    # Keras counts all C channels as the fan-in of a depth-wise kernel, but a filter sees only one of them. Its
    # fan-out, for example 3 x 3, is the fan-in that He initialization means.
    initializer = keras.initializers.VarianceScaling(scale=2.0, mode="fan_out")
    x = layers.DepthwiseConv2D(
        kernel_size,
        strides=stride,
        padding=padding,
        dilation_rate=dilation,
        use_bias=False,
        depthwise_initializer=initializer,
        name=name,
    )(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)


def asymmetric_depthwise(x: keras.KerasTensor, k: int, name: str, stride: int = 1) -> keras.KerasTensor:
    """Depth-wise k x 1 and 1 x k convolutions: float32 [B, H, W, C] -> [B, H/stride, W/stride, C].

    Together a k x k kernel of rank one: there is no nonlinearity between the two. The second has the whole stride,
    as TensorFlow's depth-wise convolution has the same stride for rows and columns.
    """
    # The rows that the second convolution takes must be centered as its columns are.
    before = (k - stride) // 2
    x = layers.ZeroPadding2D(((before, k - 1 - before), (0, 0)), name=f"{name}_pad")(x)
    x = depthwise(x, f"{name}_vertical", kernel_size=(k, 1), padding="valid")
    return depthwise(x, f"{name}_horizontal", stride, kernel_size=(1, k))


def bottleneck(
    x: keras.KerasTensor,
    expansion: int,
    channels: int,
    stride: int,
    name: str,
    asymmetric_kernel: int | None = None,
) -> keras.KerasTensor:
    """Bottleneck residual block, Table 1: float32 [B, H, W, C] -> [B, H/stride, W/stride, channels].

    A block has three layers even if `expansion` is 1: section 2.2.2 counts 38 layers, 12 blocks of 3 and 2
    convolutions. Input and output are added where they have the same size (section 2.2.2). With
    `asymmetric_kernel` k, a k x 1 and a 1 x k depth-wise convolution replace the 3 x 3 one.
    """
    expanded = x.shape[-1] * expansion
    y = conv_bn_relu(x, expanded, 1, f"{name}_expand")
    if asymmetric_kernel is None:
        y = depthwise(y, f"{name}_depthwise", stride)
    else:
        y = asymmetric_depthwise(y, asymmetric_kernel, f"{name}_depthwise", stride)
    y = relu6(y, f"{name}_depthwise")
    y = conv_bn(y, channels, 1, f"{name}_project")
    if stride == 1 and x.shape[-1] == channels:
        y = layers.Add(name=f"{name}_add")([x, y])
    return y


def separable(x: keras.KerasTensor, channels: int, stride: int, name: str) -> keras.KerasTensor:
    """Depth-wise separable convolution 3x3: float32 [B, H, W, C] -> [B, H/stride, W/stride, channels].

    There is no nonlinearity between the depth-wise and the point-wise convolution (section 2.2.1).
    """
    x = depthwise(x, f"{name}_depthwise", stride)
    return conv_bn_relu(x, channels, 1, f"{name}_pointwise")
