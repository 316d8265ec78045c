"""Channel tiling: bottlenecks are computed in groups of channels, so that their features fit into the CPU caches."""

import collections
from typing import Any

import keras
import numpy as np
from keras import layers

from contextnet_tf.models import graph
from contextnet_tf.models.rewrite import Subgraph, copy_layer, rewrite

# Timed with LiteRT on AVX-512, one thread: 4 to 6 groups were fastest from 32 x 64 to 128 x 256; groups of fewer than
# 48 channels were slower. An instruction takes 16 channels.
_MOST_GROUPS, _LEAST_CHANNELS, _MULTIPLE = 6, 48, 16


def with_channel_tiling(model: keras.Model) -> keras.Model:
    """A copy whose bottlenecks are computed in groups of channels; the function stays the same.

    A bottleneck (Table 1) expands its channels 6 times; only the projection sums over the expanded channels. The copy
    sums group by group, so only a quarter or a sixth of the expanded features exist at once, in reused memory. The
    bottlenecks of float32 cn14 at 1024 x 2048 took 0.6 to 0.9 of their former time. The sums are rounded in another
    order.

    Batch normalization must be folded. A network without bottlenecks is returned unchanged.
    """
    bottlenecks = [nodes for each in graph.with_inner_models(model) for nodes in _bottlenecks(each)]
    if not bottlenecks:
        return model
    return rewrite(model, replace=map(_tiled, bottlenecks))


def _tiled(nodes: tuple[Any, ...]) -> Subgraph:
    return Subgraph(
        output=nodes[-1].outputs[0],
        inputs=tuple(nodes[0].input_tensors),
        build=lambda x: _in_groups(x, nodes),
    )


def _bottlenecks(model: keras.Model) -> list[tuple[Any, ...]]:
    """The calls (expand, ReLU6, depth-wise, ReLU6, project) of each bottleneck wide enough for tiling."""
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
    """The number of groups; 1 if there are too few channels, or if they cannot be divided evenly."""
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
        project_weights = [project_kernel[..., part, :], *(project_bias if first else [])]  # one bias per sum
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
    """The output of a copy of the layer for one group, with these weights and configuration changes."""
    part = copy_layer(layer, name=f"{layer.name}_part{number}", **changes)
    y = part(x)
    part.set_weights(weights)
    return y
