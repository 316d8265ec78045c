"""ENet (Paszke, Chaurasia, Kim, Culurciello, 2016): early down-sampling, a thin encoder and a small decoder.

Details missing in the paper follow the authors' code: unpooling by the indices of the max pooling, and no dropout in
the decoder. The paper's 0.37 million parameters count the unfolded network: 371,970 with 19 classes, including all
four values of each normalized channel. (This count also gives SegNet's 29.46 million in the paper.) The folded network
has 359,490.
"""

import functools
from collections.abc import Callable

import keras
from keras import layers

from contextnet_tf.models.comparison import torch7
from contextnet_tf.models.inputs import check_input
from contextnet_tf.models.unpooling import MaxPoolingWithIndices, MaxUnpooling

_MULTIPLE = 8  # three times down-sampled by 2

# Table 1, bottlenecks 2.1 to 2.8; section 3 repeats them. The number is the dilation or the kernel length.
_SECTION = (
    ("regular",    1),
    ("dilated",    2),
    ("asymmetric", 5),
    ("dilated",    4),
    ("regular",    1),
    ("dilated",    8),
    ("asymmetric", 5),
    ("dilated",   16),
)  # fmt: skip

_Layer = Callable[[keras.KerasTensor, str], keras.KerasTensor]  # (features, name) -> features


def build_enet(
    *,
    num_classes: int = 19,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    aux_head: bool = False,
) -> keras.Model:
    """ENet, its Table 1: float32 [B, H, W, 3] in 0 to 1 -> {"main": logits float32 [B, H, W, num_classes]}.

    It has no auxiliary head; `aux_head` changes nothing.

    Raises:
      InputError: H or W is given and not divisible by 8, or C is not 3, or there are fewer than two classes.
    """
    check_input("enet", _MULTIPLE, num_classes, input_shape)
    image = keras.Input(input_shape, name="image")
    x = decode(*encode(image))
    # float32 even in mixed precision, as `contextnet_tf.models.logits.classify`.
    logits = torch7.transposed(x, num_classes, (2, 2), "main", use_bias=True, dtype="float32")
    return keras.Model(image, {"main": logits}, name="enet")


def encode(image: keras.KerasTensor) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
    """Initial block and sections 1 to 3: float32 [B, H, W, 3] -> [B, H/8, W/8, 128], and the indices of the pooling.

    The indices of the pooling in bottlenecks 1.0 and 2.0 are int32 [B, H/4, W/4, 16] and [B, H/8, W/8, 64]. The rate of
    the channel-wise dropout is 0.01 before bottleneck 2.0, and 0.1 from there on.
    """
    x = _prelu(torch7.downsample(image, 16, "encoder_initial"), "encoder_initial")
    x, first = _downsampling_bottleneck(x, 64, "encoder_bottleneck1_0", dropout_rate=0.01)
    for block in range(1, 5):
        x = _bottleneck(x, "regular", 1, f"encoder_bottleneck1_{block}", dropout_rate=0.01)
    x, second = _downsampling_bottleneck(x, 128, "encoder_bottleneck2_0", dropout_rate=0.1)
    for section in (2, 3):
        for block, (kind, number) in enumerate(_SECTION, start=1):
            x = _bottleneck(x, kind, number, f"encoder_bottleneck{section}_{block}", dropout_rate=0.1)
    return x, [first, second]


def decode(x: keras.KerasTensor, indices: list[keras.KerasTensor]) -> keras.KerasTensor:
    """Sections 4 and 5: float32 [B, H/8, W/8, 128] -> [B, H/2, W/2, 16], with ReLU instead of PReLU."""
    first, second = indices
    x = _upsampling_bottleneck(x, second, 64, "decoder_bottleneck4_0")
    for block in (1, 2):
        x = _decoder_bottleneck(x, f"decoder_bottleneck4_{block}")
    x = _upsampling_bottleneck(x, first, 16, "decoder_bottleneck5_0")
    return _decoder_bottleneck(x, "decoder_bottleneck5_1")


def _bottleneck(x: keras.KerasTensor, kind: str, number: int, name: str, dropout_rate: float) -> keras.KerasTensor:
    """Figure 2b: float32 [B, H, W, C] -> the same shape."""
    convolve = functools.partial(_CONVOLUTIONS[kind], number)
    y = _branch(x, x.shape[-1], name, _prelu, convolve)
    y = layers.SpatialDropout2D(dropout_rate, name=f"{name}_dropout")(y)
    return _prelu(layers.Add(name=f"{name}_add")([y, x]), name)


def _downsampling_bottleneck(
    x: keras.KerasTensor, channels: int, name: str, dropout_rate: float
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Figure 2b, down-sampling: float32 [B, H, W, C] -> [B, H/2, W/2, channels], and the indices of the pooling."""
    y = _branch(x, channels, name, _prelu, functools.partial(_regular, 1), stride=2)
    y = layers.SpatialDropout2D(dropout_rate, name=f"{name}_dropout")(y)
    pooled, indices = MaxPoolingWithIndices(name=f"{name}_pool")(x)
    # Zero-pads the channels: with "channels_first", ZeroPadding2D pads the last two axes, here width (by 0) and
    # channels.
    missing = channels - x.shape[-1]
    pooled = layers.ZeroPadding2D(((0, 0), (0, missing)), data_format="channels_first", name=f"{name}_pad")(pooled)
    return _prelu(layers.Add(name=f"{name}_add")([y, pooled]), name), indices


def _decoder_bottleneck(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Figure 2b with ReLU: float32 [B, H, W, C] -> the same shape."""
    y = _branch(x, x.shape[-1], name, _relu, functools.partial(_regular, 1))
    return _relu(layers.Add(name=f"{name}_add")([y, x]), name)


def _upsampling_bottleneck(
    x: keras.KerasTensor, indices: keras.KerasTensor, channels: int, name: str
) -> keras.KerasTensor:
    """Figure 2b, up-sampling: float32 [B, H, W, C] and int32 [B, H, W, channels] -> [B, 2H, 2W, channels]."""
    y = _branch(x, channels, name, _relu, _transposed)
    x = torch7.convolution(x, channels, (1, 1), f"{name}_skip")
    x = MaxUnpooling(name=f"{name}_unpool")(torch7.batch_norm(x, f"{name}_skip"), indices)
    return _relu(layers.Add(name=f"{name}_add")([y, x]), name)


def _branch(
    x: keras.KerasTensor, channels: int, name: str, activate: _Layer, convolve: _Layer, stride: int = 1
) -> keras.KerasTensor:
    """A bottleneck's convolutions: projection to a quarter of `channels`, `convolve`, expansion.

    The projection is 1x1, or 2x2 for a stride of 2, so that it covers its whole input.
    """
    project = f"{name}_project"
    x = torch7.convolution(x, channels // 4, (stride, stride), project, stride=stride)
    x = activate(torch7.batch_norm(x, project), project)
    x = activate(convolve(x, f"{name}_conv"), f"{name}_conv")
    x = torch7.convolution(x, channels, (1, 1), f"{name}_expand")
    return torch7.batch_norm(x, f"{name}_expand")


def _regular(dilation: int, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = torch7.convolution(x, x.shape[-1], (3, 3), name, dilation=(dilation, dilation))
    return torch7.batch_norm(x, name)


def _asymmetric(length: int, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """1 x length, then length x 1, as in the authors' code; no nonlinearity in between."""
    for kernel_size in ((1, length), (length, 1)):
        part = f"{name}_{kernel_size[0]}x{kernel_size[1]}"
        x = torch7.convolution(x, x.shape[-1], kernel_size, part)
    return torch7.batch_norm(x, part)


def _transposed(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return torch7.batch_norm(torch7.transposed(x, x.shape[-1], (3, 3), name), name)


_CONVOLUTIONS = {"regular": _regular, "dilated": _regular, "asymmetric": _asymmetric}


def _prelu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """PReLU with one slope per channel, initialized to 0.25 (Torch's default)."""
    return layers.PReLU(alpha_initializer=keras.initializers.Constant(0.25), shared_axes=(1, 2), name=f"{name}_prelu")(
        x
    )


def _relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.ReLU(name=f"{name}_relu")(x)
