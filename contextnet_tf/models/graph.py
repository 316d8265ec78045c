"""The call graph of a functional model.

Only this module reads Keras' private call graph (`_nodes_by_depth`, `_keras_history`).
"""

import collections
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from contextnet_tf.errors import InputError

TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
# Layers with an output linear in a kernel that has one slice per channel.
CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D, *TRANSPOSED, *DEPTHWISE, *SEPARABLE, layers.Dense)


def as_functional(model: keras.Model) -> keras.Model:
    """The model itself if it is functional; a functional model with shared layers if it is sequential.

    Raises:
      InputError: the model is neither functional nor sequential, or has not been built.
    """
    require_model(model)
    if isinstance(model, keras.Sequential) and model.built:
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    if isinstance(model, keras.Function) and isinstance(model, keras.Model):
        return model
    raise InputError(f"network {model.name!r}: its layers cannot be read; give a functional or built sequential model")


def require_model(model: Any) -> None:
    """Checks that `model` is a Keras model.

    Raises:
      InputError: it is something else.
    """
    if not isinstance(model, keras.Model):
        raise InputError(f"a {type(model).__name__} is not a network; give a Keras model")


def require_segmentation_network(model: Any) -> None:
    """Checks that `model` takes one image [H, W, 3] and has the output "main", logits [H, W, C].

    Raises:
      InputError: it does not, or is not a functional model.
    """
    functional = as_functional(model)
    outputs = functional.output if isinstance(functional.output, dict) else {}
    takes_image = len(functional.inputs) == 1 and len(functional.inputs[0].shape) == 4
    if not takes_image or functional.inputs[0].shape[3] != 3 or len(getattr(outputs.get("main"), "shape", ())) != 4:
        raise InputError(
            f"network {model.name!r}: is not a segmentation network, which takes one image [H, W, 3] and has the "
            "output 'main', logits [H, W, classes]"
        )


def require_finite_weights(model: keras.Model) -> None:
    """Checks that no weight is infinite or NaN: the arg-max of NaN is class 0, without any error.

    Raises:
      InputError: a weight is not finite.
    """
    for variable in model.variables:
        if not np.isfinite(variable.value.numpy()).all():
            raise InputError(f"network {model.name!r}: weights of {variable.path} are not finite; training diverged")


def calls(model: keras.Model) -> list[Any]:
    """The calls of layers (Keras nodes: `.operation`, `.input_tensors`, `.outputs`), first to last.

    A shared layer has several calls; an inner model counts as one layer.
    """
    by_depth = as_functional(model)._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth] if not node.is_input]


def call_behind(tensor: keras.KerasTensor) -> Any:
    """The call that produced the tensor."""
    layer, index, _ = tensor._keras_history
    return layer._inbound_nodes[index]


def tensor_shapes(
    model: keras.Model, input_shapes: Sequence[tuple[int | None, ...]]
) -> dict[int, tuple[int | None, ...]]:
    """The shape of every tensor of the functional model, by id, for the given input shapes.

    No values are computed and no layer is copied.
    """
    known = {
        id(tensor): keras.KerasTensor(shape, dtype=tensor.dtype)
        for tensor, shape in zip(model.inputs, input_shapes, strict=True)
    }
    for node in calls(model):
        layer = node.operation
        if is_model(layer):  # an inner model of fixed size would reject other sizes
            inner = as_functional(layer)
            shapes = tensor_shapes(inner, [known[id(tensor)].shape for tensor in node.input_tensors])
            outputs = [keras.KerasTensor(shapes[id(tensor)], dtype=tensor.dtype) for tensor in inner.outputs]
        else:
            args, kwargs = node.arguments.fill_in(known)
            outputs = keras.tree.flatten(layer.compute_output_spec(*args, **kwargs))
        known.update(zip(map(id, node.outputs), outputs, strict=True))
    return {tensor: tuple(spec.shape) for tensor, spec in known.items()}


def is_model(layer: Any) -> bool:
    """Whether the layer is a functional or sequential model."""
    return isinstance(layer, keras.Model) and isinstance(layer, keras.Function | keras.Sequential)


def with_inner_models(model: keras.Model) -> list[keras.Model]:
    """The functional model and all inner models, each once.

    Raises:
      InputError: the model is not functional.
    """
    found: dict[int, keras.Model] = {}

    def visit(each: keras.Model) -> None:
        if id(each) not in found:
            found[id(each)] = as_functional(each)
            for layer in filter(is_model, found[id(each)].layers):
                visit(layer)

    visit(model)
    return list(found.values())


def all_layers(model: keras.Model) -> list[keras.Layer]:
    """The layers of the functional model and of all inner models, each once; without the inner models themselves.

    Raises:
      InputError: the model is not functional.
    """
    found = (layer for each in with_inner_models(model) for layer in each.layers if not is_model(layer))
    return list(dict.fromkeys(found))


def batch_norms_after_convolutions(
    model: keras.Model,
) -> dict[keras.Layer, tuple[layers.BatchNormalization, ...]]:
    """The batch normalizations that can be folded into the convolution before them, by convolution.

    Inner models are included. Each normalization directly follows its convolution, acts on the channel axis, and is
    the only consumer of the tensor between them. Convolutions that are called twice, have a nonlinearity, or produce
    an output of the model are excluded.

    Raises:
      InputError: the model is not functional.
    """
    models = with_inner_models(model)
    nodes = [node for each in models for node in calls(each)]
    number_of_calls = collections.Counter(node.operation for node in nodes)
    consumers = collections.defaultdict(list)
    for node in nodes:
        for tensor in node.input_tensors:
            consumers[id(tensor)].append(node)
    outputs = {id(tensor) for each in models for tensor in each.outputs}

    def sole_consumer(node: Any) -> Any:
        tensor = id(node.outputs[0])
        if tensor in outputs or len(consumers[tensor]) != 1:
            return None
        consumer = consumers[tensor][0]
        return consumer if number_of_calls[consumer.operation] == 1 else None

    found = {}
    for node in nodes:
        convolution = node.operation
        if not _is_linear_convolution(convolution) or number_of_calls[convolution] > 1:
            continue
        channel_axis = _channel_axis(node)
        followers = []
        node = sole_consumer(node)
        while node is not None and _normalizes(node, channel_axis):
            followers.append(node.operation)
            node = sole_consumer(node)
        if followers:
            found[convolution] = tuple(followers)
    return found


def _is_linear_convolution(layer: Any) -> bool:
    return (
        type(layer) in CONVOLUTIONS  # a subclass may change the kernel
        and layer.activation is keras.activations.linear
        and layer.quantization_mode is None
        and not getattr(layer, "lora_enabled", False)
    )


def _channel_axis(node: Any) -> int:
    if getattr(node.operation, "data_format", "channels_last") == "channels_first":
        return 1
    return len(node.outputs[0].shape) - 1


def _normalizes(node: Any, channel_axis: int) -> bool:
    """Whether the call is a batch normalization over `channel_axis` that uses its moving statistics in inference."""
    layer = node.operation
    if type(layer) is not layers.BatchNormalization:
        return False
    batch_statistics = layer.trainable and node.arguments.kwargs.get("training")
    along_channels = layer.axis % len(node.outputs[0].shape) == channel_axis
    return along_channels and not batch_statistics and len(node.arguments.args) == 1
