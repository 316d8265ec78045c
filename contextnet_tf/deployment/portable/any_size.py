"""The portable graph of a network for images of any size."""

import dataclasses
from typing import Any

import keras
import numpy as np

from contextnet_tf.deployment.network import at_size
from contextnet_tf.deployment.portable.from_keras import portable_graph_of
from contextnet_tf.deployment.portable.graph import PortableGraph, Step
from contextnet_tf.deployment.portable.operations import AdaptiveAveragePool, Resize
from contextnet_tf.errors import InputError
from contextnet_tf.models.sizes import size_multiple

_FACTORS = ((4, 6), (7, 5))  # of the two probed sizes: no height or width is that of the other size


def portable_graph_of_any_size(network: keras.Model) -> PortableGraph:
    """The portable graph of a functional network for images of all multiples of its size multiple.

    Two sizes are read; their graphs must differ in the sizes of resized features only. The `factors` of every
    `Resize` hold for all sizes; its `size` is that of one of the two.

    Raises:
      InputError: an operation depends on the size of the image, as pyramid pooling does; see also `portable_graph_of`.
    """
    multiple = size_multiple(network)
    first, second = (
        portable_graph_of(at_size(network, (multiple * height, multiple * width))) for height, width in _FACTORS
    )
    for step, other in zip(first.steps, second.steps, strict=True):
        if not _same_at_both(step, other):
            raise InputError(
                f"network {network.name!r}: layer {step.layer!r} depends on the size of the image; export the network "
                "for one size"
            )
    return dataclasses.replace(first, size=None)


def _same_at_both(step: Step, other: Step) -> bool:
    first, second = step.operation, other.operation
    if isinstance(first, AdaptiveAveragePool):
        return False
    if isinstance(first, Resize) and isinstance(second, Resize):
        return first.factors is not None and first.factors == second.factors
    return all(_equal(getattr(first, x.name), getattr(second, x.name)) for x in dataclasses.fields(first))


def _equal(first: Any, second: Any) -> bool:
    return np.array_equal(first, second) if isinstance(first, np.ndarray) else first == second
