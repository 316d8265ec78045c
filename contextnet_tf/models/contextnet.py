"""ContextNet: a deep branch at low resolution, a shallow one at full resolution, and their fusion."""

import keras
from keras import layers

from contextnet_tf.models import blocks
from contextnet_tf.models.inputs import check_input
from contextnet_tf.models.logits import classify, upsample
from contextnet_tf.models.spec import DETAIL_STRIDES, OUTPUT_STRIDE, ContextNetSpec


def build_contextnet(
    spec: ContextNetSpec,
    *,
    num_classes: int = 19,
    input_shape: tuple[int | None, int | None, int] = (1024, 2048, 3),
    aux_head: bool = False,
) -> keras.Model:
    """Network of Figure 1: float32 [B, H, W, 3] in 0 to 1 -> {"main": logits float32 [B, H, W, num_classes]}.

    With `aux_head` also "aux", logits of the same shape from the context branch alone, for the auxiliary
    loss of section 2.2.3. The inference network is the one without.

    Raises:
      InputError: H or W is given and not divisible by 8 x the spec's context scale, or C is not 3, or
        there are fewer than two classes.
    """
    check_input(spec.name, OUTPUT_STRIDE * spec.context_scale, num_classes, input_shape)
    image = keras.Input(input_shape, name="image")
    context = context_branch(image, spec)
    detail = detail_branch(image, spec)
    # Section 3.1: "dropout is used before the soft-max layer only".
    fused = layers.Dropout(spec.dropout_rate, name="dropout")(fuse(detail, context, spec))
    outputs = {"main": classify(fused, num_classes, OUTPUT_STRIDE, "classifier", "main")}
    if aux_head:
        factor = OUTPUT_STRIDE * spec.context_scale
        outputs["aux"] = classify(context, num_classes, factor, "aux_classifier", "aux")
    return keras.Model(image, outputs, name=spec.name)


def context_branch(image: keras.KerasTensor, spec: ContextNetSpec) -> keras.KerasTensor:
    """The deep branch, Table 2: float32 [B, H, W, 3] -> [B, H/(8 scale), W/(8 scale), C].

    The paper does not say how the picture is made smaller. Averaging scale x scale pixels is exact area
    interpolation, so that nothing aliases, and one cheap operation on a device.
    """
    x = layers.AveragePooling2D(spec.context_scale, name="context_downsample")(image)
    convolutions = bottlenecks = 0
    for operator, expansion, channels, repeats, stride in spec.context_rows:
        bottlenecks += operator == "bottleneck"
        for repeat in range(1, repeats + 1):
            if operator == "bottleneck":
                name = f"context_bottleneck{bottlenecks}_{repeat}"
                x = blocks.bottleneck(x, expansion, channels, stride, name)
            else:
                convolutions += 1
                name = f"context_conv{convolutions}"
                kernel_size = {"conv3x3": 3, "conv1x1": 1}[operator]
                x = blocks.relu6(blocks.convolution(x, channels, kernel_size, name, stride), name)
            stride = 1
    return x


def detail_branch(image: keras.KerasTensor, spec: ContextNetSpec) -> keras.KerasTensor:
    """The shallow branch, section 2.2.2: float32 [B, H, W, 3] -> [B, H/8, W/8, C]."""
    first, *others = zip(spec.detail_channels, DETAIL_STRIDES, strict=True)
    channels, stride = first
    x = blocks.relu6(blocks.convolution(image, channels, 3, "detail_conv1", stride), "detail_conv1")
    for number, (channels, stride) in enumerate(others, start=1):
        x = blocks.separable(x, channels, stride, f"detail_separable{number}")
    return x


def fuse(detail: keras.KerasTensor, context: keras.KerasTensor, spec: ContextNetSpec) -> keras.KerasTensor:
    """Fusion unit, Table 3: float32 [B, H/8, W/8, D] and [B, H/(8 s), W/(8 s), C] -> [B, H/8, W/8, F].

    Table 3 shows the scale s = 4; the factor and the dilation follow the scale of the other variants.
    """
    scale, channels = spec.context_scale, spec.fusion_channels
    x = upsample(context, scale, "fusion_context_upsample")
    x = blocks.depthwise(x, "fusion_context_depthwise", dilation=scale)
    x = blocks.relu6(x, "fusion_context_depthwise")
    x = blocks.convolution(x, channels, 1, "fusion_context_project")
    y = blocks.convolution(detail, channels, 1, "fusion_detail_project")
    return blocks.relu6(layers.Add(name="fusion_add")([x, y]), "fusion")
