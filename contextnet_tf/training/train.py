"""Training: a network, a recipe and examples give the network of the best validation."""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from contextnet_tf.datasets.cache import ImageCache
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.datasets.pipeline import training_batches
from contextnet_tf.datasets.sources import Example, read_example
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.evaluate import Report
from contextnet_tf.evaluation.instances import instance_paths
from contextnet_tf.models.graph import all_layers
from contextnet_tf.models.loading import BEST_NETWORK
from contextnet_tf.runs import layout
from contextnet_tf.runs.run_dir import claimed_run_dir, copied_run_dir
from contextnet_tf.training.checkpoints import newest_notes
from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.crops import checked_crop, recipe_crop
from contextnet_tf.training.loop import CheckpointPolicy, TrainingLoop, TrainResult
from contextnet_tf.training.plan import TrainingPlan
from contextnet_tf.training.recipe import Recipe
from contextnet_tf.training.strategy import Devices


def train(
    model: keras.Model,
    recipe: Recipe,
    dataset: Dataset,
    train_examples: Sequence[Example],
    val_examples: Sequence[Example] = (),
    *,
    output_dir: str | os.PathLike,
    crop_size: tuple[int, int] | None = None,
    seed: int = 0,
    resume: bool = True,
    checkpoint_policy: CheckpointPolicy = CheckpointPolicy(),
    cache: ImageCache | None = None,
    extra_settings: Mapping[str, Any] | None = None,
    compute_config: ComputeConfig | None = None,
    make_batches: Callable[..., Iterator[dict[str, tf.Tensor]]] = training_batches,
    on_start: Callable[[pathlib.Path], None] = lambda folder: None,
    on_step: Callable[[int, int, dict[str, float]], None] = lambda step, steps, record: None,
    on_validation: Callable[[int, Report], None] = lambda step, report: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainResult:
    """Trains `model` by `recipe` and keeps the network of the best validation in `output_dir`.

    Without validation examples it keeps the network of the last step, which is the EMA where the recipe has one.

    Writes settings.json, history.jsonl, tensorboard/, checkpoints/ and best.keras (the network without
    its auxiliary heads, batch normalization not folded). Called again with the same arguments, an interrupted run
    resumes from its newest checkpoint and ends with the same weights as one that was not interrupted.

    Args:
      model: a network of free input size, freshly built after `keras.utils.set_random_seed(seed)`, or with the
        weights to start from. Its outputs beside "main" are auxiliary heads: build it with `aux_head=True` to have
        the auxiliary loss. It has the last step's weights afterwards; its settings stay.
      recipe: optimizer, schedule, augmentation, loss and so on.
      dataset: the dataset of the examples.
      train_examples, val_examples: what is trained on, and what decides which network is best.
      output_dir: folder of the run; must be empty or, with `resume`, hold this very run.
      crop_size: (height, width) of the training images; None: as the recipe says.
      seed: of sample order and augmentation.
      resume: resume the run in `output_dir`, if there is one; False refuses a folder with a run.
      checkpoint_policy: when checkpoints are written besides before and after each validation, and how many are kept.
      cache: of the training examples; it changes the speed and nothing else.
      extra_settings: what else tells this run from others, as values that JSON knows, for settings.json: the digest
        of initial weights, for example.
      compute_config: on which devices, and in which precision; None: one device, float32. Each process of several calls
        this function with the same arguments; `output_dir` is one folder that all see.
      make_batches: gives the batches; takes the arguments of `training_batches`.
      on_start: called with the folder once it is this run's, before anything else is written there.
      on_step: called after each step with its number (from 1), the number of steps, and its figures: those of
        `make_training_step`, of `StepTimer.speed`, and "seconds_left" of the whole run.
      on_validation: called after each validation.
      should_stop: called after each step and each validation image; at True the run saves a checkpoint and stops.

    Raises:
      InputError: the network has another number of classes than the dataset, or cannot take the crop;
        there are fewer examples than a batch has; the folder holds something else; a file of the data
        set is bad; the disk is full; or the loss is not finite.
      InUseError: another process trains in the folder.
      Stopped: `should_stop` said so.
    """
    _check_classes(model, dataset)
    crop_size = checked_crop(model, crop_size or recipe_crop(model, recipe, dataset))
    plan = TrainingPlan(recipe, dataset, train_examples, val_examples, crop_size, seed, make_batches)
    compute_config = compute_config or ComputeConfig()
    compute_config.check_batch(recipe.batch_size)
    model = compute_config.place(model)
    instance_paths(dataset, val_examples)  # refuses a set that is half unpacked now, not at the first validation
    for kind, examples in (("training", train_examples), ("validation", val_examples)):
        _require_ground_truth(dataset, examples, kind)
    settings = plan.settings(model) | {"compute_config": compute_config.to_json()} | dict(extra_settings or {})
    with (
        _folder_of_process(output_dir, settings, resume, compute_config.devices) as folder,
        _batch_norm_momentum(model, recipe.batch_norm_momentum),
    ):
        on_start(folder)
        run = TrainingLoop(model, plan, folder, checkpoint_policy, cache, compute_config, settings)
        run.restore()
        run.finish(on_step, on_validation, should_stop)
        return dataclasses.replace(run.result(should_stop), network_path=pathlib.Path(output_dir) / BEST_NETWORK)


@contextlib.contextmanager
def _folder_of_process(
    output_dir: str | os.PathLike, settings: Mapping[str, Any], resume: bool, devices: Devices
) -> Iterator[pathlib.Path]:
    """The run's folder for the chief; a temporary copy for each other process, which repeats the chief's work."""
    if devices.is_chief:
        with claimed_run_dir(output_dir, settings, resume, _settings_of_checkpoint) as folder:
            devices.wait_for_all()  # the others copy now
            devices.wait_for_all()
            yield folder
    else:
        devices.wait_for_all()
        with copied_run_dir(output_dir) as folder:
            devices.wait_for_all()
            yield folder


@contextlib.contextmanager
def _batch_norm_momentum(model: keras.Model, momentum: float) -> Iterator[None]:
    """The batch normalization of `model` has this momentum meanwhile, and its own again afterwards."""
    layers = [layer for layer in all_layers(model) if isinstance(layer, keras.layers.BatchNormalization)]
    before = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = momentum
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            layer.momentum = own


def _settings_of_checkpoint(folder: pathlib.Path) -> Mapping[str, Any] | None:
    notes = newest_notes(folder / layout.CHECKPOINTS)
    return notes and notes.get("settings")


def _require_ground_truth(dataset: Dataset, examples: Sequence[Example], kind: str) -> None:
    """Refuses images of which no pixel has a class; reads labels only until one has."""
    if examples and not any((read_example(example, dataset)[1] != IGNORE).any() for example in examples):
        raise InputError(
            f"{dataset.name}: every pixel of the {len(examples)} {kind} images is ignored (255); correct the labels, "
            f"for example {examples[0].label_path}"
        )


def _check_classes(model: keras.Model, dataset: Dataset) -> None:
    classes = model.output["main"].shape[-1]
    if classes != dataset.num_classes:
        raise InputError(
            f"{model.name}: has {classes} classes, {dataset.name} has {dataset.num_classes}; "
            f"build it with num_classes={dataset.num_classes}"
        )
