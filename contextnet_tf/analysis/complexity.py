"""Parameters and multiply-adds of a network, in total and layer by layer."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import keras

from contextnet_tf.arguments import checked_size
from contextnet_tf.errors import InputError
from contextnet_tf.models import graph

_Shape = tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """One call of a layer.

    Attributes:
      name: the layer's name, prefixed by the names of its enclosing models, as in "inner/conv".
      operator: the class of the layer.
      output_shape: without the batch dimension.
      parameters: number of parameters of the unfolded layer; 0 if an earlier call has counted them.
      multiply_adds: for one image.
    """

    name: str
    operator: str
    output_shape: tuple[int | None, ...]
    parameters: int
    multiply_adds: int


def count_parameters(model: keras.Model, folded: bool = True) -> int:
    """The number of parameters after `fold_batch_norm`, as the paper counts them.

    `folded=False` counts the network as it is, including moving statistics. The paper's 0.85 million (Table 4) are
    those of the inference network: 19 classes, folded, without the auxiliary head.

    Raises:
      InputError: folded, and the model is not functional.
    """
    graph.require_model(model)
    parameters = model.count_params()
    if folded:
        for convolution, batch_norms in graph.batch_norms_after_convolutions(model).items():
            parameters -= sum(batch_norm.count_params() for batch_norm in batch_norms)
            if not convolution.use_bias:
                parameters += batch_norms[0].moving_mean.shape[0]
    return parameters


def count_multiply_adds(model: keras.Model, input_size: tuple[int, int] | None = None) -> int:
    """The multiply-adds of all convolutions for one image.

    `input_size` is (height, width) in pixels, by default the model's own. Upsampling, pooling, additions and batch
    normalization are not counted: for ContextNet, this is the work up to the logits at 1/8.

    Raises:
      InputError: the model is not functional, or neither it nor `input_size` gives the size.
    """
    return sum(cost.multiply_adds for cost in layer_costs(model, input_size))


def count_layers(model: keras.Model, prefix: str = "") -> int:
    """The number of convolutions whose names start with `prefix`; section 2.2.2 calls them layers.

    The context branch of ContextNet has 38: `count_layers(model, "context_")`.

    Raises:
      InputError: the model is not functional.
    """
    counted = {node.operation for each in graph.with_inner_models(model) for node in graph.calls(each)}
    return sum(isinstance(layer, graph.CONVOLUTIONS) and layer.name.startswith(prefix) for layer in counted)


def layer_costs(model: keras.Model, input_size: tuple[int, int] | None = None) -> list[LayerCost]:
    """The cost of each call of a layer, in the order of the calls, including the layers of inner models.

    Raises:
      InputError: the model is not functional, or neither it nor `input_size` gives the size.
    """
    model = graph.as_functional(model)
    if input_size is not None:
        input_size = checked_size(input_size, "input_size")
    shapes = [x.shape if input_size is None else (x.shape[0], *input_size, x.shape[-1]) for x in model.inputs]
    return _costs(model, shapes, "", set())


def _costs(model: keras.Model, input_shapes: Sequence[_Shape], prefix: str, counted: set[str]) -> list[LayerCost]:
    shapes = graph.tensor_shapes(model, input_shapes)
    costs = []
    for node in graph.calls(model):
        layer, output = node.operation, shapes[id(node.outputs[0])]
        inputs = [shapes[id(tensor)] for tensor in node.input_tensors]
        name = prefix + layer.name
        if graph.is_model(layer):
            costs += _costs(graph.as_functional(layer), inputs, f"{name}/", counted)
            continue
        has_new_weights = isinstance(layer, keras.Layer) and name not in counted
        parameters = layer.count_params() if has_new_weights else 0
        counted.add(name)
        multiply_adds = _multiply_adds(layer, inputs[0], output)
        costs.append(LayerCost(name, type(layer).__name__, output[1:], parameters, multiply_adds))
    return costs


def _multiply_adds(layer: Any, input_shape: _Shape, output_shape: _Shape) -> int:
    """Positions x kernel values: each output of a convolution is a sum of products with a kernel slice.

    The positions are output positions, or input positions for a transposed convolution.
    """
    if not isinstance(layer, graph.CONVOLUTIONS):
        return 0
    positions = list((input_shape if isinstance(layer, graph.TRANSPOSED) else output_shape)[1:])
    del positions[0 if getattr(layer, "data_format", "channels_last") == "channels_first" else -1]
    if None in positions:
        raise InputError(f"layer {layer.name!r}: its size is unknown; give input_size")
    kernels = ("depthwise_kernel", "pointwise_kernel") if isinstance(layer, graph.SEPARABLE) else ("kernel",)
    return math.prod(filter(None, positions)) * sum(math.prod(getattr(layer, kernel).shape) for kernel in kernels)
