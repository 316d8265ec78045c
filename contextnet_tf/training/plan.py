"""The plan of a run, computed from its arguments: crop size, steps, learning rates, batches, validations."""

import dataclasses
import functools
import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.arguments import checked_size
from contextnet_tf.datasets.cache import ImageCache
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.copy_paste import CopyPaste, rare_places
from contextnet_tf.datasets.fingerprint import class_table_settings
from contextnet_tf.datasets.pipeline import training_batches
from contextnet_tf.datasets.sampling import ClassUniform
from contextnet_tf.datasets.sources import Example
from contextnet_tf.datasets.statistics import ClassStatistics, class_pixel_counts, class_statistics
from contextnet_tf.errors import InputError
from contextnet_tf.models.inputs import padded_size
from contextnet_tf.models.sizes import size_multiple
from contextnet_tf.training.losses import balanced_weights, enet_weights
from contextnet_tf.training.recipe import Recipe


class Poly(keras.optimizers.schedules.LearningRateSchedule):
    """base * (1 - step / steps) ** power (section 3.1, after DeepLab [6]), with a linear warm-up."""

    def __init__(self, base: float, power: float, steps: int, warmup_steps: int = 0):
        self.base = base
        self.power = power
        self.steps = steps
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        """The learning rate, float32 [], of step `step`, counted from 0."""
        step = keras.ops.cast(step, "float32")
        poly = self.base * (1.0 - keras.ops.minimum(step / self.steps, 1.0)) ** self.power
        return poly * keras.ops.minimum((step + 1.0) / (self.warmup_steps + 1.0), 1.0)

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return {"base": self.base, "power": self.power, "steps": self.steps, "warmup_steps": self.warmup_steps}


class Sampling(NamedTuple):
    """Class-uniform sampling and copy-paste of rare objects; None if the recipe does not use it."""

    class_uniform: ClassUniform | None
    copy_paste: CopyPaste | None


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """A recipe applied to a dataset. Steps count from 1; "after step 0" is the start.

    Without validation examples only the last step is validated, and the run keeps its network.

    Raises:
      InputError: there are too few training examples for one step.
    """

    recipe: Recipe
    dataset: Dataset
    train_examples: Sequence[Example]
    val_examples: Sequence[Example]
    crop_size: tuple[int, int]
    seed: int
    make_batches: Callable[..., Iterator[dict[str, tf.Tensor]]] = training_batches

    def __post_init__(self):
        if not self.steps:
            raise InputError(
                f"{len(self.train_examples)} training images are too few for one batch of {self.recipe.batch_size}; "
                "set a smaller `batch_size`"
            )

    @property
    def steps(self) -> int:
        """The total number of steps."""
        return self.recipe.epochs * len(self.train_examples) // self.recipe.batch_size

    def settings(self, model: keras.Model) -> dict[str, Any]:
        """All settings that determine the final weights, for settings.json."""
        names = "\n".join(example.name for example in (*self.train_examples, *self.val_examples))
        return {
            "network": model.name,
            "outputs": sorted(model.output),
            "dataset": self.dataset.name,
            "class_table": class_table_settings(self.dataset),
            "training_images": len(self.train_examples),
            "validation_images": len(self.val_examples),
            "image_names": hashlib.sha256(names.encode()).hexdigest()[:16],
            "crop_size": list(self.crop_size),
            "seed": self.seed,
            "recipe": self.recipe.to_json(),
        }

    def epoch(self, step: int) -> float:
        """The number of epochs completed after `step`, with fraction."""
        return step * self.recipe.batch_size / len(self.train_examples)

    def schedule(self) -> Poly:
        """The learning rate schedule."""
        recipe = self.recipe
        warmup_steps = round(recipe.warmup_epochs * len(self.train_examples) / recipe.batch_size)
        return Poly(recipe.base_learning_rate, recipe.power, self.steps, warmup_steps)

    def warnings(self) -> list[str]:
        """What a user may not expect of this plan: a learning rate that never reaches the recipe's."""
        schedule, peak = self.schedule(), self.recipe.base_learning_rate
        if schedule.warmup_steps < self.steps:
            return []
        reached = float(np.max(schedule(np.arange(self.steps))))
        return [
            f"the warm-up of the learning rate takes {schedule.warmup_steps} steps, the whole run {self.steps}: the "
            f"rate reaches {reached:.2g} instead of {peak:g}; train for more epochs or set fewer warm-up epochs"
        ]

    def is_validated(self, step: int) -> bool:
        """Whether `step` is the last step or crosses a validation interval."""
        return step == self.steps or self._intervals(step) > self._intervals(step - 1)

    def validations_after(self, step: int) -> int:
        """The number of validated steps after `step`."""
        # The last step is always validated.
        return self._intervals(self.steps - 1) - self._intervals(step) + 1 if step < self.steps else 0

    def validation_steps(self) -> float:
        """The estimated duration of a validation, in steps.

        A validated pixel costs a third of a trained pixel: the backward pass costs twice the forward pass."""
        pixels = len(self.val_examples) * np.prod(self.dataset.known_size)
        return float(pixels / (self.recipe.batch_size * np.prod(self.crop_size)) / 3.0)

    def class_weights(self) -> np.ndarray | None:
        """float32 [C], the weight of each class's pixels in the loss; None: 1 for all."""
        enet = self.recipe.class_weights == "enet"
        if not (enet or self.recipe.class_weight_exponent):
            return None
        if self._samples_by_class:
            counts = self._class_statistics.pixel_counts
        else:
            counts = class_pixel_counts(self.dataset, self.train_examples)
        return enet_weights(counts) if enet else balanced_weights(counts, self.recipe.class_weight_exponent)

    def sampling(self) -> Sampling:
        """The places of the classes, for `batches`; reads all labels if the recipe needs them.

        Raises:
          InputError: rare objects are to be pasted, but no class is rare.
        """
        if not self._samples_by_class:
            return Sampling(None, None)
        counts, places = self._class_statistics
        share, fraction = self.recipe.class_uniform_fraction, self.recipe.copy_paste_fraction
        copy_paste = CopyPaste(fraction, rare_places(places, counts)) if fraction else None
        return Sampling(places if share else None, copy_paste)

    def batches(
        self,
        first_step: int,
        last_step: int,
        sampling: Sampling,
        cache: ImageCache | None,
        *,
        worker: int = 0,
        workers: int = 1,
    ) -> Iterator[dict[str, tf.Tensor]]:
        """The batches of the steps `first_step` + 1 to `last_step`; see `training_batches`."""
        return self.make_batches(
            self.dataset,
            self.train_examples,
            augmentation=self.recipe.augmentation,
            crop_size=self.crop_size,
            batch_size=self.recipe.batch_size,
            seed=self.seed,
            first_step=first_step,
            last_step=last_step,
            worker=worker,
            workers=workers,
            class_uniform=sampling.class_uniform,
            copy_paste=sampling.copy_paste,
            cache=cache,
        )

    @property
    def _samples_by_class(self) -> bool:
        return bool(self.recipe.class_uniform_fraction or self.recipe.copy_paste_fraction)

    @functools.cached_property
    def _class_statistics(self) -> ClassStatistics:
        """The statistics for class-uniform sampling and copy-paste. Cached, since all labels are read."""
        # At scale 2, a crop covers a window of half its size; tiles of that size stay mostly inside the crop.
        height, width = (max(1, length // 2) for length in self.crop_size)
        share = self.recipe.class_uniform_fraction or 1.0
        return class_statistics(self.dataset, self.train_examples, share=share, tile_size=(height, width))

    def _intervals(self, step: int) -> int:
        """The number of validation intervals completed by `step`."""
        return int(self.epoch(step) // self.recipe.validation_epochs) if self.val_examples else 0


def default_crop(model: keras.Model, dataset: Dataset) -> tuple[int, int]:
    """The largest (height, width) that the network accepts within the dataset's image size."""
    return _crop_inside(dataset.known_size, size_multiple(model))


def recipe_crop(model: keras.Model, recipe: Recipe, dataset: Dataset) -> tuple[int, int]:
    """The crop size (height, width) of `recipe`."""
    return common_crop([model], recipe, dataset)


def common_crop(models: Iterable[keras.Model], recipe: Recipe, dataset: Dataset) -> tuple[int, int]:
    """The crop size (height, width) of `recipe` that all networks accept."""
    if not isinstance(recipe.crop, str):
        return recipe.crop
    multiple = math.lcm(*map(size_multiple, models))
    if recipe.crop == "whole":
        return padded_size(dataset.known_size, multiple)
    return _crop_inside(dataset.known_size, multiple)


def _crop_inside(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    height, width = (max(1, length // multiple) * multiple for length in size)
    return height, width


def checked_crop(model: keras.Model, crop_size: tuple[int, int]) -> tuple[int, int]:
    """Returns `crop_size`, (height, width), if the network accepts it.

    Raises:
      InputError: it is not a size, or height or width is not a multiple of the network's size multiple.
    """
    multiple, crop_size = size_multiple(model), checked_size(crop_size, "crop_size")
    if any(length < multiple or length % multiple for length in crop_size):
        raise InputError(
            f"crop size {crop_size[0]} x {crop_size[1]} (height x width): {model.name} takes multiples of {multiple}"
        )
    return crop_size
