"""Which picture sizes a network takes."""

import keras

from contextnet_tf.models.spec import OUTPUT_STRIDE


def size_multiple(model: keras.Model) -> int:
    """The number that height and width of the network's input must be divisible by.

    8 x the context scale: both branches work towards an eighth of their own input (Tables 2 and 3),
    and only then do their outputs meet without a remainder. A ContextNet's scale stands in its
    down-sampling layer, so that a loaded network needs no name to look it up by.
    """
    scales = [layer.pool_size[0] for layer in model.layers if layer.name == "context_downsample"]
    return OUTPUT_STRIDE * max(scales, default=1)


def padded_size(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """The smallest (height, width) of multiples that `size` fits in."""
    return tuple(-(-length // multiple) * multiple for length in size)
