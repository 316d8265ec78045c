"""Which image sizes a network takes."""

import math

import keras

from contextnet_tf.models import graph

_PROBE = 2**9 * 3**2 * 5 * 7  # divisible by whatever a network divides its image by


def size_multiple(model: keras.Model) -> int:
    """The number that height and width of the network's input must be divisible by.

    A network halves its image and doubles it again: only where all its features divide the image without
    a remainder do they meet again. 8 x the context scale for ContextNet, whose branches both work towards an
    eighth of their own input (Tables 2 and 3). Found from the layers, so that a loaded network needs no name
    to look it up by; features of a fixed size, as in pyramid pooling, do not count.

    Raises:
      InputError: the model is not functional.
    """
    lengths = zip(_heights(model, _PROBE), _heights(model, 2 * _PROBE), strict=True)
    divisors = [_PROBE // length for length, twice in lengths if twice == 2 * length and _PROBE % length == 0]
    return math.lcm(*divisors)


def padded_size(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """The smallest (height, width) of multiples that `size` fits in."""
    return tuple(-(-length // multiple) * multiple for length in size)


def _heights(model: keras.Model, length: int) -> list[int]:
    """The height of each tensor that is a feature map, for images of length x length."""
    model = graph.as_functional(model)
    shapes = graph.tensor_shapes(model, [(1, length, length, x.shape[-1]) for x in model.inputs])
    return [shape[1] for shape in shapes.values() if len(shape) == 4]
