"""The building blocks of ContextNet: functions from tensor to tensor.

Batch normalization follows each convolution (section 3.1: "batch normalization is used at all layers"), so
convolutions have no bias. The nonlinearity is ReLU6.
"""

import functools
from typing import Any

import keras
from keras import layers

import contextnet_tf.models.keras_settings  # noqa: F401

# The paper states no initialization. Without pre-training it matters; we use He's, which preserves the variance of the
# features through ReLU layers. It is passed as a string: a shared initializer object would give all layers of one shape
# the same values.
_Convolution = functools.partial(layers.Conv2D, padding="same", use_bias=False, kernel_initializer="he_normal")
_ReLU6 = functools.partial(layers.ReLU, max_value=6.0)


def relu6(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """ReLU6 (section 3.1): clips features to 0 to 6; any shape -> the same shape."""
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

    `batch_norm` holds arguments of the normalization that differ from Keras' defaults.
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
    # Keras counts all C channels in the fan-in of a depth-wise kernel, but each filter has one input channel. Keras'
    # fan-out, for example 3 x 3, is the fan-in for He initialization.
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

    Without a nonlinearity in between, the two form a k x k kernel of rank one. The second has the full stride, since
    TensorFlow's depth-wise convolution requires equal strides for rows and columns.
    """
    # Pads rows as "same" padding pads columns in the second convolution.
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
    convolutions. Input and output are added if they have the same shape (section 2.2.2). With
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
