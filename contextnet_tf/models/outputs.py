"""Networks with other outputs that share the layers: main logits only, or logits before upsampling."""

from typing import Any

import keras

from contextnet_tf.models import graph
from contextnet_tf.models.network import network_of, spec_of


def without_aux_heads(model: keras.Model) -> keras.Model:
    """The network with the output "main" alone; the layers are shared with `model`."""
    return network_of(model.input, {"main": model.output["main"]}, model.name, spec_of(model))


def without_upsampling(model: keras.Model) -> tuple[keras.Model, dict[str, int]]:
    """The network without final bilinear upsampling, and each output's factor f; layers are shared with `model`.

    float32 [B, H, W, 3] in 0 to 1 -> {name: logits float32 [B, H/f, W/f, C]}. Outputs without final bilinear
    upsampling stay, with f = 1. `upsample_argmax` computes labels from the small logits, `CrossEntropy` the loss.
    """
    small, factors = {}, {}
    for name, output in model.output.items():
        node = graph.call_behind(output)
        layer = node.operation
        upsampled = _enlarges(layer) and layer.size[0] == layer.size[1] and layer.interpolation == "bilinear"
        small[name], factors[name] = (node.input_tensors[0], layer.size[0]) if upsampled else (output, 1)
    return network_of(model.input, small, model.name, spec_of(model)), factors


def layers_giving_logits(model: keras.Model) -> set[Any]:
    """The layers that produce the outputs: the final upsampling layers, and the layer before them."""
    giving = set()
    for output in model.outputs:
        node = graph.call_behind(output)
        while _enlarges(node.operation):
            giving.add(node.operation)
            node = graph.call_behind(node.input_tensors[0])
        giving.add(node.operation)
        if graph.is_model(node.operation):
            giving |= layers_giving_logits(graph.as_functional(node.operation))
    return giving


def _enlarges(layer: Any) -> bool:
    return isinstance(layer, keras.layers.UpSampling2D)
