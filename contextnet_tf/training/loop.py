"""The custom training loop: from a fresh network to the best one that a run has seen."""

import dataclasses
import os
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.cache import PictureCache
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.pipeline import training_batches
from contextnet_tf.datasets.sampling import ClassUniform
from contextnet_tf.datasets.sources import Example
from contextnet_tf.datasets.statistics import class_pixel_counts, class_uniform
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.evaluate import Report, evaluate, segmentation
from contextnet_tf.evaluation.instances import instance_paths
from contextnet_tf.files import replacing_file
from contextnet_tf.models.batch_statistics import reestimate_batch_statistics
from contextnet_tf.models.loading import BEST_NETWORK, load_network
from contextnet_tf.models.sizes import padded_size, size_multiple
from contextnet_tf.training.checkpoints import Checkpoints, claim_folder
from contextnet_tf.training.history import History
from contextnet_tf.training.losses import balanced_weights
from contextnet_tf.training.recipe import Recipe
from contextnet_tf.training.schedules import Poly
from contextnet_tf.training.step import inference_network, make_training_step, move_average

_RECORD_STEPS = 10  # how often the curves get a point


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What a run came to. `report` and `network_path` are those of the best validation."""

    report: Report
    network_path: pathlib.Path
    best_step: int
    steps: int
    minutes: float


def train(
    model: keras.Model,
    recipe: Recipe,
    dataset: Dataset,
    train_examples: Sequence[Example],
    val_examples: Sequence[Example],
    *,
    output_dir: str | os.PathLike,
    crop_size: tuple[int, int] | None = None,
    seed: int = 0,
    resume: bool = False,
    cache: PictureCache | None = None,
    on_step: Callable[[int, int, dict[str, float]], None] = lambda step, steps, record: None,
    on_validation: Callable[[int, Report], None] = lambda step, report: None,
) -> TrainResult:
    """Trains `model` by `recipe` and keeps the network of the best validation in `output_dir`.

    Writes settings.json, history.jsonl, tensorboard/, checkpoints/ and best.keras (the network without
    its auxiliary heads, batch normalization not folded).

    Args:
      model: a network of free input size, freshly built after `keras.utils.set_random_seed(seed)`. Its
        outputs beside "main" are auxiliary heads: build it with `aux_head=True` to have the auxiliary loss.
      recipe: how.
      dataset: what the examples are examples of.
      train_examples, val_examples: the two splits.
      output_dir: folder of the run; must be empty or, with `resume`, hold this very run.
      crop_size: (height, width) of the training pictures; None: as the recipe says.
      seed: of sample order and augmentation.
      resume: go on from the newest checkpoint in `output_dir`, if there is one.
      cache: of the training examples; it changes the speed and nothing else.
      on_step: called after each step with its number (from 1), the number of steps, and its figures.
      on_validation: called after each validation.

    Raises:
      InputError: the network has another number of classes than the data set, or cannot take the crop;
        there are fewer examples than a batch has; the folder holds something else; a file of the data set
        is bad; or the loss is not finite.
    """
    _check_classes(model, dataset)
    crop_size = _checked_crop(model, crop_size or _recipe_crop(model, recipe, dataset))
    steps = recipe.epochs * len(train_examples) // recipe.batch_size
    if not steps or not val_examples:
        raise InputError(
            f"{len(train_examples)} training and {len(val_examples)} validation pictures are too few; "
            f"needed are {recipe.batch_size} (a batch) and 1"
        )
    instance_paths(dataset, val_examples)  # refuses a set that is half unpacked now, not at the first validation
    settings = {
        "network": model.name,
        "outputs": sorted(model.output),
        "dataset": dataset.name,
        "definition": dataset.fingerprint,
        "training_pictures": len(train_examples),
        "validation_pictures": len(val_examples),
        "crop_size": list(crop_size),
        "seed": seed,
        "recipe": recipe.to_json(),
    }
    folder = claim_folder(output_dir, settings, resume)
    run = _Run(model, recipe, dataset, train_examples, val_examples, crop_size, seed, cache, steps, folder)
    run.restore()
    run.finish(on_step, on_validation)
    return run.result()


def default_crop(model: keras.Model, dataset: Dataset) -> tuple[int, int]:
    """The largest (height, width) inside the data set's pictures that the network takes."""
    multiple = size_multiple(model)
    return tuple(max(1, length // multiple) * multiple for length in dataset.picture_size)


class _Run:
    """The state of one run and the steps that move it on."""

    def __init__(
        self,
        model: keras.Model,
        recipe: Recipe,
        dataset: Dataset,
        train_examples: Sequence[Example],
        val_examples: Sequence[Example],
        crop_size: tuple[int, int],
        seed: int,
        cache: PictureCache | None,
        steps: int,
        folder: pathlib.Path,
    ):
        self._recipe, self._dataset, self._folder = recipe, dataset, folder
        self._train_examples, self._val_examples = train_examples, val_examples
        self._crop_size, self._seed, self._steps = crop_size, seed, steps
        self._model, self._cache = model, cache
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = recipe.batch_norm_momentum
        steps_per_epoch = len(train_examples) / recipe.batch_size
        schedule = Poly(
            recipe.base_learning_rate, recipe.power, steps, round(recipe.warmup_epochs * steps_per_epoch)
        )
        optimizer = recipe.optimizer.build(schedule)
        self._network = inference_network(model)
        self._averaged = keras.models.clone_model(self._network)
        move_average(self._averaged, self._network, 0.0)
        self._segment = segmentation(self._averaged)
        self._training_step = make_training_step(
            model, self._network, self._averaged, optimizer, recipe, self._class_weights()
        )
        self._class_uniform = self._find_classes()
        self._step = tf.Variable(0, dtype=tf.int64)
        self._seconds = tf.Variable(0.0, dtype=tf.float64)
        self._best_step = tf.Variable(0, dtype=tf.int64)
        self._best_mean_iou = tf.Variable(-1.0, dtype=tf.float64)
        self._checkpoints = Checkpoints(
            folder / "checkpoints",
            {
                "model": [variable.value for variable in model.variables],
                "optimizer": [variable.value for variable in optimizer.variables],
                "averaged": [variable.value for variable in self._averaged.weights],
                "progress": [self._step, self._seconds, self._best_step, self._best_mean_iou],
            },
        )

    def restore(self) -> None:
        """Goes back to the newest checkpoint, or to the start where there is none."""
        self._checkpoints.restore()
        self._history = History(self._folder, int(self._step), self._dataset)

    def finish(self, on_step: Callable, on_validation: Callable) -> None:
        """Makes the steps that are left; validates and saves at even distances and at the end."""
        first = int(self._step)
        started = time.monotonic() - float(self._seconds)
        record_started, record_step = time.monotonic(), first
        for step, (images, labels) in enumerate(self._batches(first, self._steps), start=first + 1):
            record = {name: float(value) for name, value in self._training_step(images, labels).items()}
            self._require_finite(record["loss"], step)
            self._step.assign(step)
            on_step(step, self._steps, record)
            if step % _RECORD_STEPS == 0 or step == self._steps:
                now = time.monotonic()
                speed = (step - record_step) * self._recipe.batch_size / (now - record_started)
                self._history.training(step, self._epoch(step), record | {"pictures_per_second": speed})
                record_started, record_step = now, step
            if self._is_validated(step):
                self._validate(step, on_validation)
                self._seconds.assign(time.monotonic() - started)
                self._save(step)
                record_started, record_step = time.monotonic(), step
        self._history.close()

    def result(self) -> TrainResult:
        """The best validation, measured again on the network that was kept."""
        path = self._folder / BEST_NETWORK
        return TrainResult(
            report=evaluate(load_network(path), self._dataset, self._val_examples),
            network_path=path,
            best_step=int(self._best_step),
            steps=self._steps,
            minutes=float(self._seconds) / 60.0,
        )

    def _first_pictures(self, batches: int) -> Iterator[tf.Tensor]:
        """Of the first training batches, the same at every call."""
        return (images for images, _ in self._batches(0, batches)) if batches else iter(())

    def _batches(self, first_step: int, last_step: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        return training_batches(
            self._dataset,
            self._train_examples,
            augmentation=self._recipe.augmentation,
            crop_size=self._crop_size,
            batch_size=self._recipe.batch_size,
            seed=self._seed,
            first_step=first_step,
            last_step=last_step,
            class_uniform=self._class_uniform,
            cache=self._cache,
        )

    def _is_validated(self, step: int) -> bool:
        """Whether `step` is the last, or completes another of the stretches of epochs between validations."""
        distance = self._recipe.validation_epochs
        return step == self._steps or self._epoch(step) // distance > self._epoch(step - 1) // distance

    def _find_classes(self) -> ClassUniform | None:
        if not self._recipe.class_uniform:
            return None
        # At scale 2 a crop shows a window of half its size: of a class about a tile's middle, most of the tile.
        tile_size = tuple(max(1, length // 2) for length in self._crop_size)
        return class_uniform(
            self._dataset, self._train_examples, share=self._recipe.class_uniform, tile_size=tile_size
        )

    def _class_weights(self) -> np.ndarray | None:
        if not self._recipe.class_balance:
            return None
        counts = class_pixel_counts(self._dataset, self._train_examples)
        return balanced_weights(counts, self._recipe.class_balance)

    def _validate(self, step: int, on_validation: Callable) -> None:
        if not self._recipe.averaging:
            move_average(self._averaged, self._network, 0.0)
        reestimate_batch_statistics(self._averaged, self._first_pictures(self._recipe.statistics_batches))
        report = evaluate(self._segment, self._dataset, self._val_examples)
        self._history.validation(step, self._epoch(step), report, self._segment, self._val_examples)
        if report.mean_iou > float(self._best_mean_iou):
            with replacing_file(self._folder / BEST_NETWORK) as temporary:
                self._averaged.save(temporary)
            self._best_mean_iou.assign(report.mean_iou)
            self._best_step.assign(step)
        on_validation(step, report)

    def _save(self, step: int) -> None:
        # A finite loss was computed before its step changed the weights: look at what would be saved.
        for variable in self._model.trainable_variables:
            self._require_finite(float(tf.reduce_sum(variable.value)), step)
        self._checkpoints.save(step)

    def _require_finite(self, value: float, step: int) -> None:
        if not np.isfinite(value):
            raise InputError(
                f"the loss is not finite at step {step}; the last good checkpoint is kept in "
                f"{self._folder / 'checkpoints'}; try a lower learning rate or another seed"
            )

    def _epoch(self, step: int) -> float:
        return step * self._recipe.batch_size / len(self._train_examples)


def _check_classes(model: keras.Model, dataset: Dataset) -> None:
    classes = model.output["main"].shape[-1]
    if classes != dataset.num_classes:
        raise InputError(
            f"{model.name}: tells {classes} classes apart, {dataset.name} has {dataset.num_classes}; "
            f"build it with num_classes={dataset.num_classes}"
        )


def _recipe_crop(model: keras.Model, recipe: Recipe, dataset: Dataset) -> tuple[int, int]:
    if recipe.crop == "inside":
        return default_crop(model, dataset)
    if recipe.crop == "whole":
        return padded_size(dataset.picture_size, size_multiple(model))
    return recipe.crop


def _checked_crop(model: keras.Model, crop_size: tuple[int, int]) -> tuple[int, int]:
    multiple = size_multiple(model)
    if any(length < multiple or length % multiple for length in crop_size):
        raise InputError(
            f"crop size {crop_size[0]} x {crop_size[1]} (height x width): {model.name} takes multiples of {multiple}"
        )
    return tuple(crop_size)
