"""The average of networks: the mean of their weights, not of their outputs."""

from collections.abc import Sequence

import keras
import numpy as np

from contextnet_tf.errors import InputError
from contextnet_tf.models import graph
from contextnet_tf.models.network import spec_of
from contextnet_tf.models.rewrite import rewrite


def averaged_weights(networks: Sequence[keras.Model]) -> keras.Model:
    """A new network, each of whose weights is the mean of this weight over `networks`.

    This works for networks that were trained from the same weights, some of them further: along the straight line
    between them, the accuracy hardly falls, and the average is often more robust than each (Wortsman et al., 2022:
    "Model soups"). The mean of networks from different random weights is useless. The statistics of batch
    normalization are averaged, too.

    Args:
      networks: two or more segmentation networks with the same layers. They are not changed.

    Raises:
      InputError: there are fewer than two networks; or one of them is no segmentation network, or differs from the
        first in a layer, a shape or a setting.
    """
    if len(networks) < 2:
        raise InputError(f"an average needs two or more networks, not {len(networks)}")
    for network in networks:
        graph.require_segmentation_network(network)
    first, *others = networks
    for place, other in enumerate(others, start=2):
        if difference := _difference(first, other):
            raise InputError(f"network {place} of {len(networks)} differs from the first: {difference}")
    average = rewrite(first)  # a copy that keeps the spec, unlike Keras' clone_model
    # `weights`, unlike `variables`, leave out the states of the generators of dropout layers.
    for weight, *values in zip(average.weights, *(network.weights for network in networks), strict=True):
        weight.assign(np.mean([np.asarray(value, np.float64) for value in values], axis=0))
    return average


def _difference(one: keras.Model, other: keras.Model) -> str | None:
    """What differs between two networks besides the values of their weights, in words; None: nothing."""
    if one.name != other.name:
        return f"it is the network {other.name!r}, not {one.name!r}"
    if spec_of(one) != spec_of(other):
        return "its spec is not the same"
    shapes = [{weight.path: tuple(weight.shape) for weight in network.weights} for network in (one, other)]
    for path in dict.fromkeys([*shapes[0], *shapes[1]]):
        before, now = (each.get(path) for each in shapes)
        if before != now:
            return f"{path} has the shape {now}, not {before}" if before and now else f"only one of them has {path}"
    # Only these: Keras numbers layers without a name anew in each process.
    layers = [[layer for layer in graph.all_layers(network) if layer.weights] for network in (one, other)]
    for before, now in zip(*layers, strict=True):
        if before.get_config() != now.get_config():
            return f"its layer {now.name} has other settings"
    return None
