"""Pyramid pooling: averages over parts of the image (Zhao et al., "Pyramid Scene Parsing Network", 2017), at any
input size."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

BINS = (1, 2, 3, 6)  # the pyramid of PSPNet: 1, 2 x 2, 3 x 3 and 6 x 6 parts


@keras.saving.register_keras_serializable(package="contextnet_tf")
class AveragePoolingTo(layers.Layer):
    """The averages of bins x bins parts of the features: float32 [B, H, W, C] -> [B, bins, bins, C].

    Part i of n covers rows floor(i H / n) to ceil((i + 1) H / n): if n does not divide H, neighbors overlap by one
    row. Keras' own AdaptiveAveragePooling2D cannot be traced for one bin or one row.
    """

    def __init__(self, bins: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.bins = bins

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """See the class."""
        rows, columns = (ops.cast(part_averages(length, self.bins), x.dtype) for length in x.shape[1:3])
        return ops.einsum("mw,bnwc->bnmc", columns, ops.einsum("nh,bhwc->bnwc", rows, x))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of the output."""
        return (input_shape[0], self.bins, self.bins, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """The config of the layer."""
        return super().get_config() | {"bins": self.bins}


@keras.saving.register_keras_serializable(package="contextnet_tf")
class ResizeLike(layers.Layer):
    """Bilinear interpolation with half-pixel centers to the size of another tensor.

    Called as `layer(x, like)`: float32 [B, h, w, C] and [B, H, W, any] -> [B, H, W, C].
    """

    def call(self, x: keras.KerasTensor, like: keras.KerasTensor) -> keras.KerasTensor:
        """See the class."""
        return ops.image.resize(x, like.shape[1:3], interpolation="bilinear")

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], like_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """The shape of the output; unknown sizes stay unknown."""
        return (x_shape[0], *like_shape[1:3], x_shape[3])


def pyramid_levels(x: keras.KerasTensor, bins: Sequence[int], name: str) -> list[keras.KerasTensor]:
    """The averages of n x n parts for each n of `bins`: float32 [B, H, W, C] -> [B, n, n, C] each."""
    return [AveragePoolingTo(n, name=f"{name}_pool{n}")(x) for n in bins]


def pyramid_sum(x: keras.KerasTensor, bins: Sequence[int], name: str) -> keras.KerasTensor:
    """Resizes each pyramid level and adds it to `x`: float32 [B, H, W, C] -> the same shape. No parameters.

    As in ICNet (Zhao et al., 2018); PSPNet applies a convolution to each level and concatenates.
    """
    levels = zip(bins, pyramid_levels(x, bins, name), strict=True)
    resized = [ResizeLike(name=f"{name}_resize{n}")(level, x) for n, level in levels]
    return layers.Add(name=f"{name}_add")([x, *resized])


def part_averages(length: int, bins: int) -> np.ndarray:
    """The averaging weights along one axis, float32 [bins, length]: row i averages part i.

    See `AveragePoolingTo`.
    """
    weights = np.zeros((bins, length), np.float32)
    for i in range(bins):
        start, end = i * length // bins, -(-(i + 1) * length // bins)
        weights[i, start:end] = 1 / (end - start)
    return weights
