"""The size of the training images."""

import keras

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.errors import InputError
from contextnet_tf.models.sizes import padded_size, size_multiple
from contextnet_tf.training.recipe import Recipe


def default_crop(model: keras.Model, dataset: Dataset) -> tuple[int, int]:
    """The largest (height, width) that the network accepts within the dataset's image size."""
    multiple = size_multiple(model)
    height, width = (max(1, length // multiple) * multiple for length in dataset.known_size)
    return height, width


def recipe_crop(model: keras.Model, recipe: Recipe, dataset: Dataset) -> tuple[int, int]:
    """The crop size (height, width) of `recipe`."""
    if recipe.crop == "inside":
        return default_crop(model, dataset)
    if recipe.crop == "whole":
        return padded_size(dataset.known_size, size_multiple(model))
    return recipe.crop


def checked_crop(model: keras.Model, crop_size: tuple[int, int]) -> tuple[int, int]:
    """Returns `crop_size`, (height, width), if the network accepts it.

    Raises:
      InputError: height or width is not a multiple of the network's size multiple.
    """
    multiple = size_multiple(model)
    if any(length < multiple or length % multiple for length in crop_size):
        raise InputError(
            f"crop size {crop_size[0]} x {crop_size[1]} (height x width): {model.name} takes multiples of {multiple}"
        )
    return crop_size[0], crop_size[1]
