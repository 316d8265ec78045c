"""The image sizes that a network accepts."""

import math
from collections.abc import Sequence

import keras

from contextnet_tf.models import graph

_PROBE = 2**9 * 3**2 * 5 * 7  # highly divisible, by any stride that networks use


def size_multiple(model: keras.Model) -> int:
    """The number that height and width of the network's input must be divisible by.

    Downsampled and upsampled features match only if every feature map divides the image evenly. For ContextNet the
    number is 8 x the context scale: each branch has an output stride of 8 (Tables 2 and 3). The number is found by
    probing the layers with a highly divisible size, so any loaded network will do. Feature maps of a fixed size, as
    in pyramid pooling, are ignored.

    Raises:
      InputError: the model is not functional.
    """
    model = graph.as_functional(model)
    lengths = zip(*(_heights(model, _square_images(model, length)) for length in (_PROBE, 2 * _PROBE)), strict=True)
    divisors = [
        _PROBE // length for length, twice in lengths if length and twice == 2 * length and _PROBE % length == 0
    ]
    return math.lcm(*divisors)


def _square_images(model: keras.Model, length: int) -> list[tuple[int, ...]]:
    return [(1, length, length, x.shape[-1]) for x in model.inputs]


def _heights(model: keras.Model, input_shapes: Sequence[tuple[int | None, ...]]) -> list[int | None]:
    """The height of each tensor that is a feature map, in inner models too."""
    shapes = graph.tensor_shapes(model, input_shapes)
    heights = [shape[1] for shape in shapes.values() if len(shape) == 4]
    for node in graph.calls(model):
        if graph.is_model(node.operation):
            inner = [shapes[id(tensor)] for tensor in node.input_tensors]
            heights += _heights(graph.as_functional(node.operation), inner)
    return heights
