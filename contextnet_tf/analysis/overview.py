"""The figures by which networks are compared before any is trained."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from contextnet_tf.analysis.complexity import count_layers, count_multiply_adds, count_parameters
from contextnet_tf.analysis.receptive_field import receptive_field


@dataclasses.dataclass(frozen=True)
class Overview:
    """What a network is made of and costs.

    Attributes:
      name: the network's.
      layers: number of convolutions.
      receptive_field: (height, width) in pixels that one logit can depend on; inf: the whole image.
      parameters: batch normalization folded.
      parameters_as_trained: all of them, moving statistics included.
      multiply_adds: for one image, by its (height, width).
    """

    name: str
    layers: int
    receptive_field: tuple[float, float]
    parameters: int
    parameters_as_trained: int
    multiply_adds: dict[tuple[int, int], int]

    def to_json(self) -> dict[str, Any]:
        """The same as values that JSON knows: sizes as "1024x2048", an infinite receptive field as null."""
        whole = self.receptive_field == (float("inf"),) * 2
        return dataclasses.asdict(self) | {
            "receptive_field": None if whole else list(self.receptive_field),
            "multiply_adds": {f"{height}x{width}": n for (height, width), n in self.multiply_adds.items()},
        }


def overview(model: keras.Model, sizes: Sequence[tuple[int, int]]) -> Overview:
    """The figures of a network for any image size, without auxiliary heads; `sizes` are (height, width).

    Raises:
      InputError: the model is not functional, or has a layer of which it is not known what it sees.
    """
    return Overview(
        name=model.name,
        layers=count_layers(model),
        receptive_field=receptive_field(model),
        parameters=count_parameters(model),
        parameters_as_trained=count_parameters(model, folded=False),
        multiply_adds={tuple(size): count_multiply_adds(model, size) for size in sizes},
    )
