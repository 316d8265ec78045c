"""Figures for comparing networks before they are trained."""

import math
from collections.abc import Sequence

import keras

from contextnet_tf.analysis.complexity import count_layers, count_multiply_adds, count_parameters
from contextnet_tf.analysis.receptive_field import receptive_field
from contextnet_tf.runs.benchmarks import NetworkOverview


def overview(model: keras.Model, sizes: Sequence[tuple[int, int]]) -> NetworkOverview:
    """The figures of a network that takes any image size and has no auxiliary heads; `sizes` are (height, width).

    Raises:
      InputError: the model is not functional, or the receptive field of a layer is unknown.
    """
    field = receptive_field(model)
    return NetworkOverview(
        name=model.name,
        layers=count_layers(model),
        receptive_field=None if math.inf in field else field,
        parameters=count_parameters(model),
        parameters_as_trained=count_parameters(model, folded=False),
        multiply_adds={f"{height}x{width}": count_multiply_adds(model, (height, width)) for height, width in sizes},
    )
