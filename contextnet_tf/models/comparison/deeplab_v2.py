"""DeepLab v2 (Chen, Papandreou, Kokkinos, Murphy, Yuille, 2018): ResNet-101 and a sum of dilated classifiers.

The network alone, at one scale: without the paper's conditional random field and fusion of three input scales. The
authors freeze the batch-normalization statistics of pre-training; here they are updated in training. The classifiers
are initialized normally with a standard deviation of 0.01, as in the authors' solver files. The network has 44 million
parameters: 43,848,396 with 19 classes, folded.
"""

import keras
from keras import layers

from contextnet_tf.models.comparison import resnet
from contextnet_tf.models.inputs import check_input
from contextnet_tf.models.logits import upsample

_OUTPUT_STRIDE = 8
_RATES = (6, 12, 18, 24)  # the paper's ASPP-L


def build_deeplab_v2(
    *,
    num_classes: int = 19,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    aux_head: bool = False,
) -> keras.Model:
    """DeepLab v2: float32 [B, H, W, 3] in 0 to 1 -> {"main": logits float32 [B, H, W, num_classes]}.

    It has no auxiliary head; `aux_head` changes nothing. Logits are upsampled with half-pixel centers; the
    original, for sizes 8 n + 1, aligns the corners.

    Raises:
      InputError: H or W is given and not divisible by 8, or C is not 3, or there are fewer than two classes.
    """
    check_input("deeplab_v2", _OUTPUT_STRIDE, num_classes, input_shape)
    image = keras.Input(input_shape, name="image")
    logits = atrous_pyramid(encode(image), num_classes)
    main = upsample(logits, _OUTPUT_STRIDE, "main", dtype="float32")
    return keras.Model(image, {"main": main}, name="deeplab_v2")


def encode(image: keras.KerasTensor) -> keras.KerasTensor:
    """ResNet-101 with the last two stages dilated: float32 [B, H, W, 3] -> [B, H/8, W/8, 2048]."""
    x = resnet.pool(resnet.conv_bn_relu(image, 64, 7, "conv1", stride=2))
    x = resnet.stage(x, "conv2", 64, range(1, 4))
    x = resnet.stage(x, "conv3", 128, range(1, 5), stride=2)
    x = resnet.stage(x, "conv4", 256, range(1, 24), dilation=2)
    return resnet.stage(x, "conv5", 512, range(1, 4), dilation=4)


def atrous_pyramid(x: keras.KerasTensor, num_classes: int) -> keras.KerasTensor:
    """Atrous spatial pyramid pooling: float32 [B, H, W, C] -> logits float32 [B, H, W, num_classes].

    With ResNet-101, each branch of the sum is a single convolution to the classes. float32 even in mixed precision, as
    `contextnet_tf.models.logits.classify`.
    """
    parts = [
        layers.Conv2D(
            num_classes,
            3,
            dilation_rate=rate,
            padding="same",
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
            dtype="float32",
            name=f"aspp_rate{rate}",
        )(x)
        for rate in _RATES
    ]
    return layers.Add(dtype="float32", name="classifier")(parts)
