"""PSPNet (Zhao, Shi, Qi, Wang, Jia, 2017): ResNet-101, and pyramid pooling with a convolution on each level.

Like the authors' network for Cityscapes, it starts with three 3x3 convolutions instead of one 7x7, and the 3x3
convolution of a stage has its stride. It has 65.7 million parameters: 65,652,051 with 19 classes, folded, without the
auxiliary head. All interpolation has half-pixel centers; the original aligns the corners, for sizes 8 n + 1.
"""

import keras
from keras import layers

from contextnet_tf.models.comparison import resnet
from contextnet_tf.models.inputs import check_input
from contextnet_tf.models.logits import classify
from contextnet_tf.models.pyramid import BINS, ResizeLike, pyramid_levels

_OUTPUT_STRIDE = 8
_DROPOUT_RATE = 0.1  # as in the authors' network files


def build_pspnet(
    *,
    num_classes: int = 19,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    aux_head: bool = False,
) -> keras.Model:
    """PSPNet, its Figure 3: float32 [B, H, W, 3] in 0 to 1 -> {"main": logits float32 [B, H, W, num_classes]}.

    With `aux_head` also "aux", logits of the same shape from stage 4, for the auxiliary loss of section 3.3
    with weight 0.4 (Figure 4).

    Raises:
      InputError: H or W is given and not divisible by 8, or C is not 3, or there are fewer than two classes.
    """
    check_input("pspnet", _OUTPUT_STRIDE, num_classes, input_shape)
    image = keras.Input(input_shape, name="image")
    middle = encode(image)
    x = resnet.stage(middle, "conv5", 512, range(1, 4), dilation=4)
    x = resnet.conv_bn_relu(pyramid(x), 512, 3, "conv5_4")
    outputs = {"main": _head(x, num_classes, "dropout", "classifier", "main")}
    if aux_head:
        # The paper does not mention the head's convolution; this one is from the authors' later code.
        x = resnet.conv_bn_relu(middle, 256, 3, "aux_conv")
        outputs["aux"] = _head(x, num_classes, "aux_dropout", "aux_classifier", "aux")
    return keras.Model(image, outputs, name="pspnet")


def encode(image: keras.KerasTensor) -> keras.KerasTensor:
    """ResNet-101 up to its fourth stage, which is dilated: float32 [B, H, W, 3] -> [B, H/8, W/8, 1024]."""
    x = resnet.deep_stem(image, (64, 64, 128))
    x = resnet.stage(x, "conv2", 64, range(1, 4))
    x = resnet.stage(x, "conv3", 128, range(1, 5), stride=2, strided="3x3")
    return resnet.stage(x, "conv4", 256, range(1, 24), dilation=2)


def pyramid(x: keras.KerasTensor) -> keras.KerasTensor:
    """Pyramid pooling module, section 3.2: float32 [B, H, W, C] -> [B, H, W, 2 C].

    Each of the four levels has a quarter of the channels; it is resized and concatenated with the features.
    """
    joined = [x]
    for bins, level in zip(BINS, pyramid_levels(x, BINS, "pyramid"), strict=True):
        level = resnet.conv_bn_relu(level, x.shape[-1] // len(BINS), 1, f"pyramid_conv{bins}")
        joined.append(ResizeLike(name=f"pyramid_resize{bins}")(level, x))
    return layers.Concatenate(name="pyramid_concat")(joined)


def _head(x: keras.KerasTensor, num_classes: int, dropout: str, classifier: str, name: str) -> keras.KerasTensor:
    x = layers.Dropout(_DROPOUT_RATE, name=dropout)(x)
    return classify(x, num_classes, _OUTPUT_STRIDE, classifier, name)
