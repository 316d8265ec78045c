"""ContextNet: a deep branch at low resolution, a shallow one at full resolution, and their fusion."""

import keras
from keras import layers

from contextnet_tf.errors import InputError
from contextnet_tf.models import blocks
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
    _check(spec, num_classes, input_shape)
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


def classify(
    x: keras.KerasTensor, num_classes: int, factor: int, classifier: str, name: str
) -> keras.KerasTensor:
    """Logits, 1x1 convolution and upsampling: [B, H, W, C] -> float32 [B, factor H, factor W, num_classes].

    `classifier` and `name` are the names of the two layers. float32 also under mixed precision: a loss
    needs the logits' differences exactly.
    """
    x = layers.Conv2D(num_classes, 1, kernel_initializer="he_normal", dtype="float32", name=classifier)(x)
    return upsample(x, factor, name, dtype="float32")


def upsample(x: keras.KerasTensor, factor: int, name: str, dtype: str | None = None) -> keras.KerasTensor:
    """Bilinear interpolation with half-pixel centres: [B, H, W, C] -> [B, factor H, factor W, C]."""
    return layers.UpSampling2D(factor, interpolation="bilinear", dtype=dtype, name=name)(x)


def _check(spec: ContextNetSpec, num_classes: int, input_shape: tuple[int | None, int | None, int]) -> None:
    if num_classes < 2:
        raise InputError(f"num_classes = {num_classes}: a segmentation needs 2 classes or more")
    if len(input_shape) != 3 or input_shape[2] != 3:
        raise InputError(f"input_shape = {input_shape}: it takes (height, width, 3); both sizes may be None")
    multiple = OUTPUT_STRIDE * spec.context_scale
    if any(size is not None and (size < 1 or size % multiple) for size in input_shape[:2]):
        below, above = (
            " x ".join(str(_nearest(size, multiple, up)) for size in input_shape[:2]) for up in (0, 1)
        )
        raise InputError(
            f"input size {input_shape[0]} x {input_shape[1]} (height x width): {spec.name} takes multiples "
            f"of {multiple}; the nearest are {below} and {above}"
        )


def _nearest(size: int | None, multiple: int, upwards: int) -> int | None:
    """The multiple next to `size`, at least one; a size that is a multiple, or unknown, is its own."""
    if size is None or (size > 0 and size % multiple == 0):
        return size
    return max(1, size // multiple + upwards) * multiple
