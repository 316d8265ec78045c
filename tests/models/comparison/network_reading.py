"""What the tests of the comparison networks read off a network."""

import keras
from keras import layers

from contextnet_tf.models import graph


def shapes(model, size, names):
    """The output shapes of the layers `names`, without the batch, for images of `size` (height, width)."""
    found = graph.tensor_shapes(model, [(1, *size, 3)])
    return {name: found[id(model.get_layer(name).output)][1:] for name in names}


def names_of(model, *kinds):
    """The names of the layers of exactly these kinds, first to last."""
    return [layer.name for layer in model.layers if type(layer) in kinds]


def convolutions(model, prefix=""):
    """All convolutions but transposed ones whose name starts so, first to last."""
    return [layer for layer in model.layers if type(layer) is layers.Conv2D and layer.name.startswith(prefix)]


def order(model, first, last):
    """The names of the layers from the one after `first` to `last`, by each layer's first input and output."""
    names = [last]
    while names[-1] != first:
        tensor = keras.tree.flatten(model.get_layer(names[-1]).input)[0]
        (before,) = (layer.name for layer in model.layers if tensor is keras.tree.flatten(layer.output)[0])
        names.append(before)
    return names[-2::-1]


def nonlinear(model):
    """The names of all layers with a nonlinearity; a layer that hides one in `activation` is among them."""
    kinds = layers.ReLU | layers.PReLU | layers.Activation | layers.LeakyReLU | layers.ELU | layers.Softmax
    return [
        layer.name
        for layer in model.layers
        if isinstance(layer, kinds)
        or getattr(layer, "activation", keras.activations.linear) is not keras.activations.linear
    ]
