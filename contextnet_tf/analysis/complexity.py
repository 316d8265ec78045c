"""What a network costs: parameters and multiply-adds, in all and layer by layer."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from contextnet_tf.errors import InputError
from contextnet_tf.models import graph

_Shape = tuple[int | None, ...]

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
    earlier call has counted them; `multiply_adds` are for one image.
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
    """The multiply-adds of all convolutions for one image.

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
    """Each output of a convolution is a sum of products with a kernel slice: places x values of the kernel.

    A transposed convolution has the roles of input and output exchanged.
    """
    if not isinstance(layer, _CONVOLUTIONS):
        return 0
    places = list((input_shape if isinstance(layer, _TRANSPOSED) else output_shape)[1:])
    del places[0 if getattr(layer, "data_format", "channels_last") == "channels_first" else -1]
    if None in places:
        raise InputError(f"layer {layer.name!r}: its size is not known; say for which image size to count")
    kernels = ("depthwise_kernel", "pointwise_kernel") if isinstance(layer, _SEPARABLE) else ("kernel",)
    return math.prod(places) * sum(math.prod(getattr(layer, kernel).shape) for kernel in kernels)
