"""What a network costs: parameters and multiply-adds, in all and layer by layer."""

import dataclasses
import math
from typing import Any

import keras
from keras import layers

from contextnet_tf.errors import InputError
from contextnet_tf.models import graph

_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
_CONVOLUTIONS = (
    layers.Conv1D,
    layers.Conv2D,
    layers.Conv3D,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
    layers.Dense,
    *_TRANSPOSED,
    *_SEPARABLE,
)


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """One call of a layer.

    `name` is that of the layer, after those of the models it is in; `operator` is its kind;
    `output_shape` has no batch dimension; `parameters` are those of the layer as it is, 0 where an
    earlier call has counted them; `multiply_adds` are for one picture.
    """

    name: str
    operator: str
    output_shape: tuple[int | None, ...]
    parameters: int
    multiply_adds: int


def count_parameters(model: keras.Model, folded: bool = True) -> int:
    """The number of parameters, as the paper counts them: of the network that `fold_batch_norm` would give.

    With `folded=False` those of the network as it is, moving statistics included. The paper's 0.85
    million (Table 4) are of the inference network: 19 classes, folded, without the auxiliary head.

    Raises:
      InputError: folded, and the model is not functional.
    """
    parameters = model.count_params()
    if folded:
        for convolution, batch_norms in graph.batch_norms_after_convolutions(model).items():
            parameters -= sum(batch_norm.count_params() for batch_norm in batch_norms)
            if not convolution.use_bias:
                parameters += batch_norms[0].moving_mean.shape[0]
    return parameters


def count_multiply_adds(model: keras.Model, input_size: tuple[int, int] | None = None) -> int:
    """The multiply-adds of all convolutions for one picture.

    `input_size` is (height, width) in pixels; where it is missing, the model's own. Upsampling, pooling,
    additions and what folding merges are apart: for ContextNet, this is the work up to the logits at 1/8.

    Raises:
      InputError: the model is not functional, or neither it nor `input_size` says the size.
    """
    return sum(cost.multiply_adds for cost in layer_costs(model, input_size))


def count_layers(model: keras.Model, prefix: str = "") -> int:
    """The number of convolutions whose names start with `prefix`: what section 2.2.2 calls layers.

    38 in the context branch of ContextNet: `count_layers(model, "context_")`.

    Raises:
      InputError: the model is not functional.
    """
    counted = {node.operation for each in graph.with_inner_models(model) for node in graph.calls(each)}
    return sum(isinstance(layer, _CONVOLUTIONS) and layer.name.startswith(prefix) for layer in counted)


def layer_costs(model: keras.Model, input_size: tuple[int, int] | None = None) -> list[LayerCost]:
    """The cost of each call of a layer, in the order of the calls; the layers of inner models one by one.

    Raises:
      InputError: the model is not functional, or neither it nor `input_size` says the size.
    """
    model = graph.as_functional(model)
    if input_size is not None:
        model = _with_input_shapes(model, [(x.shape[0], *input_size, x.shape[-1]) for x in model.inputs])
    return _costs(model, "", set())


def _with_input_shapes(model: keras.Model, shapes: list[tuple[int | None, ...]]) -> keras.Model:
    """A copy of the functional model for these input shapes, to read the shapes within it."""
    inputs = [
        keras.Input(batch_shape=shape, dtype=x.dtype) for shape, x in zip(shapes, model.inputs, strict=True)
    ]
    return keras.models.clone_model(model, keras.tree.pack_sequence_as(model.input, inputs))


def _costs(model: keras.Model, prefix: str, counted: set[str]) -> list[LayerCost]:
    costs = []
    for node in graph.calls(model):
        layer, shape = node.operation, tuple(node.outputs[0].shape[1:])
        name = prefix + layer.name
        if graph.is_model(layer):
            inner = _with_input_shapes(graph.as_functional(layer), [x.shape for x in node.input_tensors])
            costs += _costs(inner, f"{name}/", counted)
            continue
        has_new_weights = isinstance(layer, keras.Layer) and name not in counted
        parameters = layer.count_params() if has_new_weights else 0
        counted.add(name)
        costs.append(LayerCost(name, type(layer).__name__, shape, parameters, _multiply_adds(node)))
    return costs


def _multiply_adds(node: Any) -> int:
    """Each output of a convolution is a sum of products with a kernel slice: places x values of the kernel.

    A transposed convolution has the roles of input and output exchanged.
    """
    layer = node.operation
    if not isinstance(layer, _CONVOLUTIONS):
        return 0
    shape = list((node.input_tensors if isinstance(layer, _TRANSPOSED) else node.outputs)[0].shape[1:])
    del shape[0 if getattr(layer, "data_format", "channels_last") == "channels_first" else -1]
    if None in shape:
        raise InputError(f"layer {layer.name!r}: its size is not known; say for which picture size to count")
    kernels = ("depthwise_kernel", "pointwise_kernel") if isinstance(layer, _SEPARABLE) else ("kernel",)
    return math.prod(shape) * sum(math.prod(getattr(layer, kernel).shape) for kernel in kernels)
