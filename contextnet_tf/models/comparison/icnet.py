"""ICNet (Zhao, Qi, Shen, Shi, Jia, 2018): a cascade of three resolutions of one image.

This is the compressed network of the published speed, as in the authors' files for Cityscapes: a PSPNet of 50 layers
with half the filters at low resolution. It has 6.68 million parameters: 6,685,715 with 19 classes, folded,
without auxiliary heads.

The paper shows three input images: full, half and quarter size. The low branch shares the first layers of the middle
branch, weights and computation. So its input is the middle branch's features after the first block of stage 3,
down-sampled by 2. Down-sampling by 2 averages 2x2 pixels, which is bilinear interpolation with half-pixel
centers. The original's interpolation aligns the corners, for sizes 32 n + 1.
"""

import keras
from keras import layers

from contextnet_tf.models.comparison import resnet
from contextnet_tf.models.inputs import check_input
from contextnet_tf.models.logits import classify, upsample
from contextnet_tf.models.pyramid import BINS, pyramid_sum

_MULTIPLE = 32  # the low branch ends at 1/32
_FUSED = 128  # channels of the cascade feature fusion, section 3.3


def build_icnet(
    *,
    num_classes: int = 19,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    aux_head: bool = False,
) -> keras.Model:
    """ICNet, its Figure 2: float32 [B, H, W, 3] in 0 to 1 -> {"main": logits float32 [B, H, W, num_classes]}.

    With `aux_head` also "aux" and "aux2", logits of the same shape from the low branch and from the first fusion, for
    the cascade label guidance of section 3.4 with weight 0.4 each. The paper instead down-samples the labels: to 1/16
    and 1/8 for these heads, and to 1/4 for "main".

    Raises:
      InputError: H or W is given and not divisible by 32, or C is not 3, or there are fewer than two classes.
    """
    check_input("icnet", _MULTIPLE, num_classes, input_shape)
    image = keras.Input(input_shape, name="image")
    middle = middle_branch(_halve(image, "image_half"))
    low = upsample(low_branch(_halve(middle, "conv3_1_half")), 2, "low_upsample")
    first = upsample(fuse(low, middle, "fusion_low"), 2, "fusion_low_upsample")
    second = upsample(fuse(first, high_branch(image), "fusion_high"), 2, "fusion_high_upsample")
    outputs = {"main": classify(second, num_classes, 4, "classifier", "main")}
    if aux_head:
        outputs["aux"] = classify(low, num_classes, 16, "aux_classifier", "aux")
        outputs["aux2"] = classify(first, num_classes, 8, "aux2_classifier", "aux2")
    return keras.Model(image, outputs, name="icnet")


def middle_branch(image: keras.KerasTensor) -> keras.KerasTensor:
    """The first layers of PSPNet at half resolution: float32 [B, H/2, W/2, 3] -> [B, H/16, W/16, 256]."""
    x = resnet.deep_stem(image, (32, 32, 64))
    x = resnet.stage(x, "conv2", 32, range(1, 4))
    return resnet.stage(x, "conv3", 64, range(1, 2), stride=2)


def low_branch(x: keras.KerasTensor) -> keras.KerasTensor:
    """The rest of PSPNet at a quarter of the resolution: float32 [B, H/32, W/32, 256] -> the same shape."""
    x = resnet.stage(x, "conv3", 64, range(2, 5))
    x = resnet.stage(x, "conv4", 128, range(1, 7), dilation=2)
    x = resnet.stage(x, "conv5", 256, range(1, 4), dilation=4)
    return resnet.conv_bn_relu(pyramid_sum(x, BINS, "pyramid"), 256, 1, "conv5_4")


def high_branch(image: keras.KerasTensor) -> keras.KerasTensor:
    """Three convolutions at full resolution, section 3.2: float32 [B, H, W, 3] -> [B, H/8, W/8, 64]."""
    x = image
    for number, channels in enumerate((32, 32, 64), start=1):
        x = resnet.conv_bn_relu(x, channels, 3, f"high_conv{number}", stride=2)
    return x


def fuse(coarse: keras.KerasTensor, fine: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Cascade feature fusion, Figure 3: float32 [B, H, W, C1] and [B, H, W, C2] -> [B, H, W, 128].

    `coarse` is already upsampled: the auxiliary head branches off between upsampling and fusion.
    """
    x = resnet.conv_bn(coarse, _FUSED, 3, f"{name}_dilated", dilation=2)
    y = resnet.conv_bn(fine, _FUSED, 1, f"{name}_project")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, y]))


def _halve(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.AveragePooling2D(2, name=name)(x)
