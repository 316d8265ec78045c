"""SegNet (Badrinarayanan, Kendall, Cipolla, 2017): the convolutions of VGG-16 and a mirrored decoder.

The encoder keeps the indices of its 2x2 max pooling for the unpooling in the decoder; see
`contextnet_tf.models.unpooling` for the export. All kernels have He initialization; the paper initializes the encoder
from a trained VGG-16. The published 29.46 million parameters count the unfolded network: 29,461,907 with 19 classes.
The folded network has 29,438,099.

As in the original, batch normalization has the epsilon 1e-9 and an initial shift of 0.001. The original computes the
inference statistics over the training set at the end; here they are Keras' moving averages. The original's
convolutions also have a bias, which has no effect before batch normalization and is omitted.
"""

import functools

import keras
from keras import layers

from contextnet_tf.models import blocks
from contextnet_tf.models.inputs import check_input
from contextnet_tf.models.unpooling import MaxPoolingWithIndices, MaxUnpooling

_MULTIPLE = 32  # five times down-sampled by 2

# Output channels of the 3x3 convolutions: of VGG-16 (Simonyan and Zisserman, 2015, configuration D) for each pooling,
# and of the decoder for each unpooling, without the classifier at the end.
_ENCODER = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_DECODER = ((512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64,))

_convolution = functools.partial(
    blocks.conv_bn, kernel_size=3, epsilon=1e-9, beta_initializer=keras.initializers.Constant(0.001)
)


def build_segnet(
    *,
    num_classes: int = 19,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    aux_head: bool = False,
) -> keras.Model:
    """SegNet, its Figure 2: float32 [B, H, W, 3] in 0 to 1 -> {"main": logits float32 [B, H, W, num_classes]}.

    It has no auxiliary head; `aux_head` changes nothing.

    Raises:
      InputError: H or W is given and not divisible by 32, or C is not 3, or there are fewer than two classes.
    """
    check_input("segnet", _MULTIPLE, num_classes, input_shape)
    image = keras.Input(input_shape, name="image")
    x = decode(*encode(image))
    # float32 even in mixed precision, as `contextnet_tf.models.logits.classify`.
    logits = layers.Conv2D(
        num_classes, 3, padding="same", kernel_initializer="he_normal", dtype="float32", name="main"
    )(x)
    return keras.Model(image, {"main": logits}, name="segnet")


def encode(image: keras.KerasTensor) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
    """The 13 convolutions of VGG-16: float32 [B, H, W, 3] -> [B, H/32, W/32, 512], and the indices of the pooling.

    The indices of pooling n are int32 [B, H/2^n, W/2^n, C], first to last.
    """
    x, indices = image, []
    for stage, stage_channels in enumerate(_ENCODER, start=1):
        for number, channels in enumerate(stage_channels, start=1):
            x = _conv_bn_relu(x, channels, f"encoder_conv{stage}_{number}")
        x, stage_indices = MaxPoolingWithIndices(name=f"encoder_pool{stage}")(x)
        indices.append(stage_indices)
    return x, indices


def decode(x: keras.KerasTensor, indices: list[keras.KerasTensor]) -> keras.KerasTensor:
    """The mirrored encoder, without its first convolution: float32 [B, H/32, W/32, 512] -> [B, H, W, 64].

    Each convolution has the number of its counterpart in the encoder.
    """
    for stage, stage_channels in zip((5, 4, 3, 2, 1), _DECODER, strict=True):
        x = MaxUnpooling(name=f"decoder_unpool{stage}")(x, indices[stage - 1])
        last = len(_ENCODER[stage - 1])
        for number, channels in enumerate(stage_channels):
            x = _conv_bn_relu(x, channels, f"decoder_conv{stage}_{last - number}")
    return x


def _conv_bn_relu(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    return layers.ReLU(name=f"{name}_relu")(_convolution(x, channels, name=name))
