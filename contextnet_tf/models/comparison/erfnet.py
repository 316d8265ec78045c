"""ERFNet (Romera, Alvarez, Bergasa, Arroyo, 2017): residual blocks of one-dimensional convolutions.

Dropout rates are from the authors' code. The paper rounds to 2.1 million parameters. With 19 classes the folded
network has 2,058,306: 2,057,474 weights and biases, and 832 values of the three batch normalizations that follow a
concatenation and cannot be folded.
"""

import keras
from keras import layers

from contextnet_tf.models.comparison import torch7
from contextnet_tf.models.inputs import check_input

_MULTIPLE = 8  # three times down-sampled by 2


def build_erfnet(
    *,
    num_classes: int = 19,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    aux_head: bool = False,
) -> keras.Model:
    """ERFNet, its Table I: float32 [B, H, W, 3] in 0 to 1 -> {"main": logits float32 [B, H, W, num_classes]}.

    It has no auxiliary head; `aux_head` changes nothing.

    Raises:
      InputError: H or W is given and not divisible by 8, or C is not 3, or there are fewer than two classes.
    """
    check_input("erfnet", _MULTIPLE, num_classes, input_shape)
    image = keras.Input(input_shape, name="image")
    x = decode(encode(image))
    # float32 even in mixed precision, as `contextnet_tf.models.logits.classify`.
    logits = torch7.transposed(x, num_classes, (2, 2), "main", use_bias=True, dtype="float32")
    return keras.Model(image, {"main": logits}, name="erfnet")


def encode(image: keras.KerasTensor) -> keras.KerasTensor:
    """Layers 1 to 16 of Table I: float32 [B, H, W, 3] -> [B, H/8, W/8, 128]."""
    x = _down(image, 16, "encoder_down1")
    x = _down(x, 64, "encoder_down2")
    for block in range(1, 6):
        x = non_bottleneck_1d(x, f"encoder_block1_{block}", dropout_rate=0.03)
    x = _down(x, 128, "encoder_down3")
    for block, dilation in enumerate((2, 4, 8, 16) * 2, start=1):
        x = non_bottleneck_1d(x, f"encoder_block2_{block}", dilation, dropout_rate=0.3)
    return x


def decode(x: keras.KerasTensor) -> keras.KerasTensor:
    """Layers 17 to 22 of Table I: float32 [B, H/8, W/8, 128] -> [B, H/2, W/2, 16]."""
    for stage, channels in enumerate((64, 16), start=1):
        name = f"decoder_up{stage}"
        x = torch7.transposed(x, channels, (3, 3), name)
        x = layers.ReLU(name=f"{name}_relu")(torch7.batch_norm(x, name))
        for block in (1, 2):
            x = non_bottleneck_1d(x, f"decoder_block{stage}_{block}")
    return x


def non_bottleneck_1d(
    x: keras.KerasTensor, name: str, dilation: int = 1, dropout_rate: float = 0.0
) -> keras.KerasTensor:
    """Factorized residual block (Figure 2c): float32 [B, H, W, C] -> the same shape.

    Two pairs of 3x1 and 1x3 convolutions; the second pair is dilated. Dropout drops whole channels.
    """
    y = _factorized(x, f"{name}_first")
    y = layers.ReLU(name=f"{name}_first_relu")(y)
    y = _factorized(y, f"{name}_second", dilation)
    if dropout_rate:
        y = layers.SpatialDropout2D(dropout_rate, name=f"{name}_dropout")(y)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([y, x]))


def _factorized(x: keras.KerasTensor, name: str, dilation: int = 1) -> keras.KerasTensor:
    """A factorized 3x3 convolution: 3x1, ReLU, 1x3, batch normalization."""
    channels = x.shape[-1]
    x = torch7.convolution(x, channels, (3, 1), f"{name}_3x1", dilation=(dilation, 1), use_bias=True)
    x = layers.ReLU(name=f"{name}_3x1_relu")(x)
    x = torch7.convolution(x, channels, (1, 3), f"{name}_1x3", dilation=(1, dilation))
    return torch7.batch_norm(x, f"{name}_1x3")


def _down(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    return layers.ReLU(name=f"{name}_relu")(torch7.downsample(x, channels, name))
