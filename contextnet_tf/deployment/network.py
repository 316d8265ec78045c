"""The network in the forms in which it is exported: of one fixed size, and up to its small logits."""

import keras
from keras import layers

from contextnet_tf.errors import InputError
from contextnet_tf.models import graph
from contextnet_tf.models.sizes import padded_size, size_multiple

# f(255 x) = 255 f(x): what lies between the picture and a convolution that can take in the factor 1/255.
_HOMOGENEOUS = (
    layers.AveragePooling2D,
    layers.MaxPooling2D,
    layers.UpSampling2D,
    layers.ZeroPadding2D,
    layers.Cropping2D,
    layers.Dropout,
)


def at_size(model: keras.Model, size: tuple[int, int] | None) -> keras.Model:
    """The network for pictures of the fixed `size` (height, width), or of its own fixed size if None.

    The network itself where that is its size already, otherwise a copy, not compiled.

    Raises:
      InputError: no size is known, or the network cannot take it.
    """
    own = tuple(model.input_shape[1:3])
    height, width = size or own
    if height is None or width is None:
        raise InputError(f"network {model.name!r} takes many sizes, a file only one: give height and width")
    multiple = size_multiple(model)
    if height < 1 or width < 1 or height % multiple or width % multiple:
        nearest = padded_size((max(height, 1), max(width, 1)), multiple)
        raise InputError(
            f"size {height} x {width} (height x width): network {model.name!r} takes multiples of "
            f"{multiple}, for example {nearest[0]} x {nearest[1]}"
        )
    if own == (height, width):
        return model
    # Cloning compiles the clone of a compiled model anew; a bare one around the same layers is not compiled.
    bare = keras.Model(model.input, model.output, name=model.name)
    image = keras.Input((height, width, 3), name=model.inputs[0].name)
    clone = keras.models.clone_model(bare, input_tensors=image)
    clone.set_weights(model.get_weights())
    return clone


def logits_network(model: keras.Model) -> keras.Model:
    """The part before the last upsampling: float32 [B, H, W, 3] in 0 to 1 -> logits [B, H/8, W/8, C].

    `upsample_argmax` makes the labels of these logits. It shares its layers with `model`. Of a network
    without a layer `classifier`, the logits are those of its output "main".
    """
    names = [layer.name for layer in model.layers]
    logits = model.get_layer("classifier").output if "classifier" in names else model.output["main"]
    return keras.Model(model.input, logits, name=model.name)


def kernels_on_picture(network: keras.Model) -> list[keras.Variable] | None:
    """The kernels that the picture meets first, on all its ways through the network.

    Only pooling and the like come before them, so multiplying these kernels by a factor is the same as
    multiplying the picture by it. None where the network has no such set of kernels.
    """
    on_picture = {id(network.inputs[0])}  # tensors that are the picture, up to pooling
    kernels, others = [], []
    for call in graph.calls(network):
        reads_picture = [id(tensor) in on_picture for tensor in call.input_tensors]
        layer = call.operation
        if type(layer) in (layers.Conv2D, layers.DepthwiseConv2D):
            (kernels if any(reads_picture) else others).append(layer.kernel)
        elif any(reads_picture):
            if type(layer) not in _HOMOGENEOUS:
                return None
            on_picture.update(id(tensor) for tensor in call.outputs)
    reaches_the_end = id(network.outputs[0]) in on_picture
    shared = {id(kernel) for kernel in kernels} & {id(kernel) for kernel in others}
    if reaches_the_end or shared:
        return None
    return list({id(kernel): kernel for kernel in kernels}.values())
