"""Inverted bottlenecks cut along their channels, so that what they expand to stays in a processor's caches."""

import collections
from typing import Any

import keras
import numpy as np
from keras import layers

from contextnet_tf.models import graph

# By timing with LiteRT on AVX-512, one thread: 4 to 6 groups were best from 32 x 64 to 128 x 256, fewer channels than
# these slower, and 16 is what an instruction takes.
_MOST_GROUPS, _LEAST_CHANNELS, _MULTIPLE = 6, 48, 16


def with_channel_tiling(model: keras.Model) -> keras.Model:
    """A copy whose bottlenecks expand, convolve and project some channels at a time: the same function.

    A bottleneck (Table 1) expands 6 times and computes each expanded channel by itself; only its projection
    brings them together, as a sum. The sum is taken group by group: the same arithmetic, but a quarter or a
    sixth of the expanded features at once, and the memory for them is used again and again. Of cn14 at 1024 x 2048 in
    float32 the bottlenecks took 0.6 to 0.9 of their time. The sums are rounded in another order.

    Batch normalization must have been folded. A network without bottlenecks is returned itself.
    """
    bottlenecks = {id(nodes[-1]): nodes for nodes in _bottlenecks(model)}
    if not bottlenecks:
        return model
    inside = {id(node) for nodes in bottlenecks.values() for node in nodes[:-1]}
    copies = {layer: type(layer).from_config(layer.get_config()) for layer in model.layers}
    image = copies[next(layer for layer in model.layers if isinstance(layer, layers.InputLayer))].output
    tensors = {id(model.inputs[0]): image}
    for node in graph.calls(model):
        if id(node) in inside:
            continue
        if id(node) in bottlenecks:
            nodes = bottlenecks[id(node)]
            tensors[id(node.outputs[0])] = _in_groups(tensors[id(nodes[0].input_tensors[0])], nodes)
        else:
            args, kwargs = node.arguments.fill_in(tensors)
            outputs = keras.tree.flatten(copies[node.operation](*args, **kwargs))
            tensors.update(zip(map(id, node.outputs), outputs, strict=True))
            copies[node.operation].set_weights(node.operation.get_weights())
    outputs = keras.tree.map_structure(lambda tensor: tensors[id(tensor)], model.output)
    return keras.Model(image, outputs, name=model.name)


def _bottlenecks(model: keras.Model) -> list[tuple[Any, ...]]:
    """The calls (expand, ReLU6, depth-wise, ReLU6, project) of each bottleneck that is wide enough to be cut."""
    nodes = graph.calls(model)
    consumers = collections.defaultdict(list)
    for node in nodes:
        for tensor in node.input_tensors:
            consumers[id(tensor)].append(node)
    outputs = {id(tensor) for tensor in model.outputs}
    found = []
    for node in nodes:
        chain = [node]
        while len(chain) < 5:
            tensor = id(chain[-1].outputs[0])
            if tensor in outputs or len(consumers[tensor]) != 1:
                break
            chain.append(consumers[tensor][0])
        if len(chain) == 5 and _is_bottleneck(*(each.operation for each in chain)):
            found.append(tuple(chain))
    return found


def _is_bottleneck(expand: Any, clip: Any, depthwise: Any, clip_again: Any, project: Any) -> bool:
    return (
        _is_pointwise(expand)
        and _is_pointwise(project)
        and type(depthwise) is layers.DepthwiseConv2D
        and depthwise.depth_multiplier == 1
        and depthwise.activation is keras.activations.linear
        and all(type(layer) is layers.ReLU for layer in (clip, clip_again))
        and _groups(expand.filters) > 1
    )


def _is_pointwise(layer: Any) -> bool:
    return (
        type(layer) is layers.Conv2D
        and layer.kernel_size == layer.strides == (1, 1)
        and layer.groups == 1
        and layer.activation is keras.activations.linear
    )


def _groups(channels: int) -> int:
    """Into how many groups the channels are cut; 1 where they are too few, or do not come out even."""
    fitting = (n for n in range(1, _MOST_GROUPS + 1) if channels % (n * _MULTIPLE) == 0)
    return max((n for n in fitting if channels // n >= _LEAST_CHANNELS), default=1)


def _in_groups(x: keras.KerasTensor, nodes: tuple[Any, ...]) -> keras.KerasTensor:
    expand, clip, depthwise, clip_again, project = (node.operation for node in nodes)
    count = _groups(expand.filters)
    size = expand.filters // count
    total = None
    for number in range(count):
        part, first = slice(number * size, (number + 1) * size), number == 0
        expand_kernel, *expand_bias = expand.get_weights()
        depthwise_kernel, *depthwise_bias = depthwise.get_weights()
        project_kernel, *project_bias = project.get_weights()
        expand_weights = [expand_kernel[..., part], *(bias[part] for bias in expand_bias)]
        depthwise_weights = [depthwise_kernel[..., part, :], *(bias[part] for bias in depthwise_bias)]
        project_weights = [project_kernel[..., part, :], *(project_bias if first else [])]  # one bias in all
        y = _call_part(x, expand, number, expand_weights, filters=size)
        y = _call_part(y, clip, number, [])
        y = _call_part(y, depthwise, number, depthwise_weights)
        y = _call_part(y, clip_again, number, [])
        y = _call_part(y, project, number, project_weights, use_bias=project.use_bias and first)
        total = y if first else layers.Add(name=f"{project.name}_sum{number}")([total, y])
    return total


def _call_part(
    x: keras.KerasTensor, layer: keras.Layer, number: int, weights: list[np.ndarray], **changes: Any
) -> keras.KerasTensor:
    """What the layer makes of one group with these weights, and these changes of its configuration."""
    part = type(layer).from_config(layer.get_config() | {"name": f"{layer.name}_part{number}"} | changes)
    y = part(x)
    part.set_weights(weights)
    return y
