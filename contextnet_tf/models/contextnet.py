"""ContextNet: a deep branch at low resolution, shallow ones at higher resolution, and their fusion."""

import keras
from keras import layers

from contextnet_tf.models import blocks
from contextnet_tf.models.inputs import check_input
from contextnet_tf.models.logits import classify, upsample
from contextnet_tf.models.network import network_of
from contextnet_tf.models.pyramid import pyramid_sum
from contextnet_tf.models.spec import OUTPUT_STRIDE, ContextNetSpec, shallow_strides

_InputShape = tuple[int | None, int | None, int]


def build_contextnet(
    spec: ContextNetSpec,
    *,
    num_classes: int = 19,
    input_shape: _InputShape = (1024, 2048, 3),
    aux_head: bool = False,
) -> keras.Model:
    """Network of Figure 1: float32 [B, H, W, 3] in 0 to 1 -> {"main": logits float32 [B, H, W, num_classes]}.

    With `aux_head` also "aux": logits of the same shape from the context branch alone, for the auxiliary loss of
    section 2.2.3. A spec with a single branch has no "aux": the main loss is already on that branch.

    Raises:
      InputError: H or W is given and not divisible by 8 x the spec's context scale (by 8 for the detail branch
        alone), or C is not 3, or there are fewer than two classes.
    """
    context_stride = OUTPUT_STRIDE * spec.context_scale
    check_input(spec.name, OUTPUT_STRIDE if spec.branches == "detail" else context_stride, num_classes, input_shape)
    image = keras.Input(input_shape, name="image")
    match spec.branches:
        case "context":
            outputs = {"main": _main_logits(context_branch(image, spec), num_classes, context_stride, spec)}
        case "detail":
            detail = shallow_branch(image, spec.detail_channels, "detail")
            outputs = {"main": _main_logits(detail, num_classes, OUTPUT_STRIDE, spec)}
        case _:
            context = context_branch(image, spec)
            outputs = {"main": _main_logits(_fused(image, context, spec), num_classes, OUTPUT_STRIDE, spec)}
            if aux_head:
                outputs["aux"] = classify(context, num_classes, context_stride, "aux_classifier", "aux")
    return network_of(image, outputs, spec.name, spec)


def context_branch(image: keras.KerasTensor, spec: ContextNetSpec) -> keras.KerasTensor:
    """The deep branch, Table 2: float32 [B, H, W, 3] -> [B, H/(8 scale), W/(8 scale), C].

    The paper does not specify the downsampling. Averaging scale x scale pixels is exact area interpolation, which
    reduces aliasing, and is one cheap operation on a device.
    """
    x = layers.AveragePooling2D(spec.context_scale, name="context_downsample")(image)
    convolutions = bottlenecks = 0
    for operator, expansion, channels, repeats, stride in spec.context_rows:
        bottlenecks += operator == "bottleneck"
        for repeat in range(1, repeats + 1):
            if expansion is not None:  # a bottleneck: the spec has checked this
                name = f"context_bottleneck{bottlenecks}_{repeat}"
                x = blocks.bottleneck(x, expansion, channels, stride, name, spec.asymmetric_kernel)
            else:
                convolutions += 1
                name = f"context_conv{convolutions}"
                kernel_size = {"conv3x3": 3, "conv1x1": 1}[operator]
                x = blocks.conv_bn_relu(x, channels, kernel_size, name, stride)
            stride = 1
    return pyramid_sum(x, spec.pyramid_bins, "context_pyramid") if spec.pyramid_bins else x


def half_branch(image: keras.KerasTensor, spec: ContextNetSpec) -> keras.KerasTensor:
    """The shallow branch at half size, section 3.2.1: float32 [B, H, W, 3] -> [B, H/16, W/16, C]."""
    return shallow_branch(layers.AveragePooling2D(2, name="half_downsample")(image), spec.half_channels, "half")


def shallow_branch(image: keras.KerasTensor, channels: tuple[int, ...], name: str) -> keras.KerasTensor:
    """A convolution and separable convolutions, section 2.2.2: float32 [B, H, W, 3] -> [B, H/8, W/8, channels[-1]]."""
    stride, *strides = shallow_strides(len(channels))
    first, *others = channels
    x = blocks.conv_bn_relu(image, first, 3, f"{name}_conv1", stride)
    for number, (width, stride) in enumerate(zip(others, strides, strict=True), start=1):
        x = blocks.separable(x, width, stride, f"{name}_separable{number}")
    return x


def fuse(
    detail: keras.KerasTensor, context: keras.KerasTensor, factor: int, spec: ContextNetSpec, name: str
) -> keras.KerasTensor:
    """Fusion unit, Table 3: float32 [B, h, w, D] and [B, h/factor, w/factor, C] -> [B, h, w, F].

    Table 3 shows the factor 4; factor and dilation follow the context scale in other variants. F is the spec's
    `fusion_channels`, or twice as many for `fusion_merge` "concatenate".
    """
    x = context_path(context, factor, spec, f"{name}_context")
    y = blocks.conv_bn(detail, spec.fusion_channels, 1, f"{name}_detail_project")
    if spec.fusion_merge == "concatenate":
        merged = layers.Concatenate(name=f"{name}_concatenate")([x, y])
    else:
        merged = layers.Add(name=f"{name}_add")([x, y])
    return blocks.relu6(merged, name)


def context_path(x: keras.KerasTensor, factor: int, spec: ContextNetSpec, name: str) -> keras.KerasTensor:
    """The column "Branch-4" of Table 3: float32 [B, h, w, C] -> [B, factor h, factor w, F].

    Except at the image border, bilinear upsampling by f and a depth-wise convolution of dilation f equal the undilated
    convolution followed by the upsampling. So "upsample last" has the same receptive field with 1/f² of the work.
    """
    enlarge_first = spec.fusion_order == "upsample first"
    if enlarge_first:
        x = upsample(x, factor, f"{name}_upsample")
    x = blocks.depthwise(x, f"{name}_depthwise", dilation=factor if enlarge_first else 1)
    x = blocks.relu6(x, f"{name}_depthwise")
    x = blocks.conv_bn(x, spec.fusion_channels, 1, f"{name}_project")
    return x if enlarge_first else upsample(x, factor, f"{name}_upsample")


def _fused(image: keras.KerasTensor, context: keras.KerasTensor, spec: ContextNetSpec) -> keras.KerasTensor:
    """Fusion of all branches: image float32 [B, H, W, 3] and context features -> [B, H/8, W/8, F]."""
    detail = shallow_branch(image, spec.detail_channels, "detail")
    if not spec.half_channels:
        return fuse(detail, context, spec.context_scale, spec, "fusion")
    half = fuse(half_branch(image, spec), context, spec.context_scale // 2, spec, "fusion_half")
    return fuse(detail, half, 2, spec, "fusion")


def _main_logits(x: keras.KerasTensor, num_classes: int, factor: int, spec: ContextNetSpec) -> keras.KerasTensor:
    # Section 3.1: "dropout is used before the soft-max layer only".
    x = layers.Dropout(spec.dropout_rate, name="dropout")(x)
    return classify(x, num_classes, factor, "classifier", "main")
