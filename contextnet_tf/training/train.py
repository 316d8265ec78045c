"""Training of a network by a recipe; keeps the network with the best validation."""

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from contextnet_tf.arguments import checked_path, checked_seed
from contextnet_tf.datasets.cache import ImageCache
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.fingerprint import example_digests
from contextnet_tf.datasets.pipeline import training_batches
from contextnet_tf.datasets.sources import Example, checked_examples
from contextnet_tf.datasets.statistics import class_pixels_until_all_seen, class_warnings
from contextnet_tf.errors import InputError, reason_of
from contextnet_tf.evaluation.evaluate import Report
from contextnet_tf.evaluation.instances import instance_paths
from contextnet_tf.files import checked_json, json_text
from contextnet_tf.models.graph import all_layers
from contextnet_tf.models.loading import BEST_NETWORK
from contextnet_tf.runs import layout
from contextnet_tf.runs.examples import Digests, changed_examples, check_examples
from contextnet_tf.runs.run_dir import check_same_run, claimed_run_dir, copied_run_dir, differing_settings
from contextnet_tf.training.checkpoints import newest_notes
from contextnet_tf.training.compute_config import CheckpointPolicy, ComputeConfig
from contextnet_tf.training.loop import TrainingLoop, TrainResult
from contextnet_tf.training.plan import TrainingPlan, checked_crop, recipe_crop
from contextnet_tf.training.recipe import Recipe
from contextnet_tf.training.strategy import Devices

_logger = logging.getLogger(__name__)


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

    Without validation examples it keeps the network of the last step: the EMA, if the recipe has one.

    Writes settings.json, examples.json, history.jsonl, tensorboard/, checkpoints/ and best.keras (without auxiliary
    heads, batch normalization not folded). A second call with the same arguments resumes an interrupted run from its
    newest checkpoint; the final weights are the same as without the interruption.

    Args:
      model: a network of free input size with its initial weights: random, built after
        `keras.utils.set_random_seed(seed)`, or copied. Outputs other than "main" are auxiliary heads: build the network
        with `aux_head=True` to have the auxiliary loss. Afterwards it has the weights of the last step; the momentum
        of its batch normalization, which the recipe sets for the training, is restored.
      recipe: optimizer, schedule, augmentation, loss and so on.
      dataset: the dataset of the examples.
      train_examples, val_examples: the training split, and the validation split, which selects the best network.
      output_dir: the run folder; must be empty or, with `resume`, hold the same run.
      crop_size: (height, width) of the training images; None: the recipe's.
      seed: of sample order and augmentation.
      resume: resume an existing run in `output_dir`; False refuses a folder with a run.
      checkpoint_policy: interval of checkpoints, besides those at validations, and how many are kept.
      cache: of the training examples; affects only the speed.
      extra_settings: further settings that identify the run, JSON-serializable, for settings.json; for example the
        digest of the initial weights.
      compute_config: devices and precision; None: one device, float32. With several processes, each calls this
        function with the same arguments; `output_dir` is a shared folder.
      make_batches: yields the batches; takes the arguments of `training_batches`.
      on_start: called with the folder once the run has claimed it, before any other file is written.
      on_step: called after each step with its number (from 1), the number of steps, and its metrics: those of
        `make_training_step` and `StepTimer.speed`, and "seconds_left" of the whole run.
      on_validation: called after each validation.
      should_stop: called after each step and each validation image; on True the run stops at a saved checkpoint.

    Raises:
      InputError: an argument is of another type, or `extra_settings` are not JSON; the network has another number of
        classes than the dataset, or does not accept the crop size; there are fewer examples than a batch needs; the
        folder holds another run or other files, or a run on examples whose files have changed since; a file of the
        dataset is bad; the disk is full; or the loss is not finite.
      InUseError: another process trains in the folder.
      Stopped: `should_stop` returned True.
    """
    for name, value, kind in (("model", model, keras.Model), ("recipe", recipe, Recipe), ("dataset", dataset, Dataset)):
        if not isinstance(value, kind):
            raise InputError(f"{name} {value!r}: it must be a {kind.__name__}")
    output_dir = checked_path(output_dir)
    train_examples = checked_examples("train_examples", train_examples)
    val_examples = checked_examples("val_examples", val_examples)
    _check_classes(model, dataset)
    crop_size = checked_crop(model, crop_size or recipe_crop(model, recipe, dataset))
    plan = TrainingPlan(recipe, dataset, train_examples, val_examples, crop_size, checked_seed(seed), make_batches)
    compute_config = compute_config or ComputeConfig()
    compute_config.check_batch(recipe.batch_size)
    settings = plan.settings(model) | {"compute_config": compute_config.to_json()}
    settings |= checked_json("extra_settings", extra_settings)
    devices = compute_config.devices
    with devices.naming_lost_workers(), _batch_norm_momentum(model, recipe.batch_norm_momentum):
        _require_same_settings(devices, settings)
        with devices.all_or_none():
            if resume:
                check_same_run(output_dir, settings)  # before any label is read: other classes may make them invalid
            instance_paths(dataset, val_examples)  # refuses a partly unpacked dataset now, not at the first validation
            warnings = [
                *plan.warnings(),
                *_overlap(train_examples, val_examples),
                *_checked_classes(dataset, train_examples, "training"),
                *_checked_classes(dataset, val_examples, "validation"),
            ]
            digests = {"train": example_digests(train_examples), "val": example_digests(val_examples)}
        _require_same_data(devices, digests)
        with _folder_of_process(output_dir, settings, digests, resume, devices) as folder, _naming_lack_of_memory():
            on_start(folder)
            for warning in warnings:
                _logger.warning("%s", warning)
            placed = compute_config.place(model)
            run = TrainingLoop(placed, plan, folder, checkpoint_policy, cache, compute_config, settings)
            run.restore()
            run.finish(on_step, on_validation, should_stop)
            return dataclasses.replace(run.result(should_stop), network_path=pathlib.Path(output_dir) / BEST_NETWORK)


@contextlib.contextmanager
def _folder_of_process(
    output_dir: str | os.PathLike,
    settings: Mapping[str, Any],
    digests: Mapping[str, Digests],
    resume: bool,
    devices: Devices,
) -> Iterator[pathlib.Path]:
    """The run folder for the chief; a temporary copy for each other process, which repeats the chief's work."""
    with contextlib.ExitStack() as held:
        with devices.all_or_none():
            if devices.is_chief:
                folder = held.enter_context(claimed_run_dir(output_dir, settings, resume, _settings_of_checkpoint))
                check_examples(folder, digests)
        with devices.all_or_none():
            if not devices.is_chief:
                folder = held.enter_context(copied_run_dir(output_dir))
        yield folder


def _require_same_settings(devices: Devices, settings: Mapping[str, Any]) -> None:
    """Raises InputError on all processes if one has other settings than the chief."""
    told = devices.gathered(json_text(settings, sort_keys=True))
    for worker, text in enumerate(told):
        differences = differing_settings(json.loads(told[0]), json.loads(text))
        if differences:
            listed = "; ".join(f"{name} is {own!r}, not {chief!r}" for name, chief, own in differences)
            raise InputError(
                f"worker {worker} was started with other settings than worker 0: {listed}; start all workers by the "
                "same command"
            )


def _require_same_data(devices: Devices, digests: Mapping[str, Digests]) -> None:
    """Raises InputError on all processes if one has other files than the chief."""
    text = json_text(digests)
    summaries = devices.gathered(hashlib.sha256(text.encode()).hexdigest())
    others = [worker for worker, summary in enumerate(summaries) if summary != summaries[0]]
    if others:
        texts = devices.gathered(text)
        chief, other = (json.loads(texts[worker]) for worker in (0, others[0]))
        changes = [change for split in chief for change in changed_examples(split, chief[split], other[split])]
        raise InputError(f"worker {others[0]} has other data than worker 0: {'; '.join(changes)}; copy them again")


@contextlib.contextmanager
def _naming_lack_of_memory() -> Iterator[None]:
    """Converts TensorFlow's out-of-memory errors, of a device or of the process, to an InputError of one line."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise InputError(
            f"out of memory in a training step ({reason_of(error)[:120]}); set a larger `accumulate`, a smaller "
            "`batch_size` or smaller crops, with another `output_dir`"
        ) from error


@contextlib.contextmanager
def _batch_norm_momentum(model: keras.Model, momentum: float) -> Iterator[None]:
    """Sets the momentum of all batch normalizations of `model`; restores their own on exit."""
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


def _checked_classes(dataset: Dataset, examples: Sequence[Example], kind: str) -> list[str]:
    """Warnings on classes that never occur. Raises InputError if every pixel of every image is ignored."""
    if not examples:
        return []
    counts = class_pixels_until_all_seen(dataset, examples)
    if not counts[: dataset.num_classes].any():
        raise InputError(
            f"{dataset.name}: every pixel of the {len(examples)} {kind} images is ignored (255); correct the labels, "
            f"for example {examples[0].label_path}"
        )
    return class_warnings(dataset, f"{kind} images", counts)


def _overlap(train_examples: Sequence[Example], val_examples: Sequence[Example]) -> list[str]:
    """A warning if images are trained and validated on, such as those of a list of all images and of a list of some."""
    trained = {example.image_path for example in train_examples}
    both = [example.image_path for example in val_examples if example.image_path in trained]
    if not both:
        return []
    return [
        f"{len(both)} of the {len(val_examples)} validation images are training images, the first is {both[0]}; the "
        "validation says nothing about other images"
    ]


def _check_classes(model: keras.Model, dataset: Dataset) -> None:
    classes = model.output["main"].shape[-1]
    if classes != dataset.num_classes:
        raise InputError(
            f"{model.name}: has {classes} classes, {dataset.name} has {dataset.num_classes}; "
            f"build it with num_classes={dataset.num_classes}"
        )
