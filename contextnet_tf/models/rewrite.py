"""Changed copies of functional networks: layers and calls are replaced or dropped, the others are kept."""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import keras
import numpy as np

from contextnet_tf.errors import InputError, reason_of
from contextnet_tf.models import graph
from contextnet_tf.models.keras_settings import require_channels_last, require_float32_policy
from contextnet_tf.models.network import network_of, spec_of


@dataclasses.dataclass(frozen=True)
class WithWeights:
    """A replacement layer with its own weights instead of the original's."""

    layer: keras.Layer
    weights: Sequence[np.ndarray]


@dataclasses.dataclass(frozen=True)
class Subgraph:
    """A replacement for a part of the network.

    Attributes:
      output: the tensor that the part produces, the only output of its call.
      inputs: the tensors from which the part is computed: of the same model as `output`, which depends on them.
      build: takes the copy's tensors for `inputs`; returns the copy's tensor for `output`.
    """

    output: keras.KerasTensor
    inputs: tuple[keras.KerasTensor, ...]
    build: Callable[..., keras.KerasTensor]


def copy_layer(layer: keras.Layer, **changes: Any) -> keras.Layer:
    """A layer with the same configuration except for `changes`, not built."""
    return type(layer).from_config(layer.get_config() | changes)


def rewrite(
    model: keras.Model,
    layers: Callable[[keras.Layer], keras.Layer | WithWeights] = copy_layer,
    *,
    drop: Collection[keras.Layer] = (),
    replace: Iterable[Subgraph] = (),
    inputs: Any = None,
) -> keras.Model:
    """A changed copy of a functional network, not compiled, with the same name, inputs and outputs.

    Inner models are rewritten in the same way and stay models. Layers and models that are called several times stay
    shared in the copy. The copy keeps the spec unless calls are replaced.

    Args:
      model: stays unchanged.
      layers: returns the replacement of a layer: a new layer, which receives the original's weights; a `WithWeights`;
        or the layer itself, which both networks then share. Called once for each layer.
      drop: layers to remove; their input replaces their output.
      replace: parts to replace. Layers that only these parts needed are removed.
      inputs: tensors to build on, structured as `model.input`; by default, new inputs like the network's own. With
        `inputs`, the copies of inner models accept any size.

    Raises:
      InputError: the model is not functional, two layers would have the same name, a dropped layer has several
        inputs or outputs, or Keras is set to channels_first or to another dtype policy than float32.
    """
    require_channels_last()
    require_float32_policy()
    return _Rewriting(layers, set(drop), {id(part.output): part for part in replace}).run(model, inputs)


class _Rewriting:
    """The copies made by one rewriting; a shared layer or model reuses its copy."""

    def __init__(self, layers: Callable, drop: set[keras.Layer], replace: dict[int, Subgraph]):
        self._layers, self._drop, self._replace = layers, drop, replace
        self._copies: dict[Any, Any] = {}
        self._sizes_change = False

    def run(self, model: keras.Model, inputs: Any = None) -> keras.Model:
        model = graph.as_functional(model)
        if inputs is None:
            inputs = self._inputs_like(model)
        else:
            self._sizes_change = True
        tensors = dict(zip(map(id, model.inputs), keras.tree.flatten(inputs), strict=True))
        for node in self._needed_calls(model):
            tensors.update(zip(map(id, node.outputs), self._outputs(node, tensors), strict=True))
        outputs = keras.tree.map_structure(lambda tensor: tensors[id(tensor)], model.output)
        try:
            return network_of(inputs, outputs, model.name, None if self._replace else spec_of(model))
        except ValueError as error:  # two layers of one name
            raise InputError(f"network {model.name!r}: cannot be rewritten ({reason_of(error)})") from error

    def _inputs_like(self, model: keras.Model) -> Any:
        """New inputs like the model's, of any size if the sizes may have changed."""
        own = {id(layer.output): layer for layer in model.layers if isinstance(layer, keras.layers.InputLayer)}

        def new(tensor: keras.KerasTensor) -> keras.KerasTensor:
            free = {"batch_shape": (*(None,) * (len(tensor.shape) - 1), tensor.shape[-1])} if self._sizes_change else {}
            return copy_layer(own[id(tensor)], **free).output

        return keras.tree.map_structure(new, model.input)

    def _needed_calls(self, model: keras.Model) -> list[Any]:
        """The calls on which an output depends, first to last."""
        needed, found = {id(tensor) for tensor in model.outputs}, []
        for node in reversed(graph.calls(model)):
            if needed.isdisjoint(map(id, node.outputs)):
                continue
            found.append(node)
            replacement = self._replace.get(id(node.outputs[0]))
            needed.update(map(id, replacement.inputs if replacement else node.input_tensors))
        return found[::-1]

    def _outputs(self, node: Any, tensors: dict[int, Any]) -> list[Any]:
        layer = node.operation
        replacement = self._replace.get(id(node.outputs[0]))
        if replacement:
            return [replacement.build(*(tensors[id(tensor)] for tensor in replacement.inputs))]
        if layer in self._drop:
            if len(node.input_tensors) != 1 or len(node.outputs) != 1:
                raise InputError(f"layer {layer.name!r}: cannot be dropped, as it takes or gives several tensors")
            return [tensors[id(node.input_tensors[0])]]
        args, kwargs = node.arguments.fill_in(tensors)
        is_new = layer not in self._copies
        if is_new:
            self._copies[layer] = self._copy(layer)
        copy, weights = self._copies[layer]
        outputs = keras.tree.flatten(copy(*args, **kwargs))
        if is_new and weights is not None:  # the first call has built the variables
            copy.set_weights(weights)
        return outputs

    def _copy(self, layer: Any) -> tuple[Any, Sequence[np.ndarray] | None]:
        """The replacement of `layer`, and the weights to set after its first call."""
        if graph.is_model(layer):
            return self.run(layer), None
        if not isinstance(layer, keras.Layer):  # a bare operation: keras.ops.add, say
            return copy_layer(layer), None
        new = self._layers(layer)
        if isinstance(new, WithWeights):
            return new.layer, new.weights
        own = {id(variable) for variable in layer.variables}
        shared = new is layer or any(id(variable) in own for variable in new.variables)
        return new, None if shared else layer.get_weights()
