"""The speed of training: the bare step, and the loop around it with ready and with real input."""

import dataclasses
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.pipeline import training_batches
from contextnet_tf.datasets.sources import Example
from contextnet_tf.models.outputs import without_aux_heads
from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.recipe import Recipe
from contextnet_tf.training.schedules import Poly
from contextnet_tf.training.step import make_training_step
from contextnet_tf.training.train import train

_WARM_UP_STEPS = 3  # the first builds the graph, the next ones find their memory

Batch = Mapping[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class LoopSpeed:
    """Medians over the steps of a run: seconds of a step of the loop, and of each runtime compared with it.

    `input_wait_share`: the input-wait share, the part of the time that the loop waits for batches.
    """

    loop: float
    runtimes: dict[str, float]
    input_wait_share: float


def bare_step(
    model: keras.Model, recipe: Recipe, steps: int, batch: Batch, compute_config: ComputeConfig | None = None
) -> Callable[[], Any]:
    """One step of training on `batch`, at each call; ended when it returns."""
    compute_config = compute_config or ComputeConfig()
    model = compute_config.place(model)
    with compute_config.devices.strategy.scope():
        optimizer = recipe.optimizer.build(Poly(recipe.base_learning_rate, recipe.power, steps))
    network = without_aux_heads(model)
    step = make_training_step(
        model, network, keras.models.clone_model(network), optimizer, recipe, None, compute_config
    )
    return lambda: float(step(batch)["loss"])


def first_batch(
    dataset: Dataset, examples: Sequence[Example], recipe: Recipe, crop_size: tuple[int, int], seed: int
) -> Batch:
    """The first batch of a run."""
    plan = {"augmentation": recipe.augmentation, "crop_size": crop_size, "batch_size": recipe.batch_size}
    return next(training_batches(dataset, examples, seed=seed, first_step=0, last_step=1, **plan))


def loop_speed(
    build: Callable[[], keras.Model],
    recipe: Recipe,
    dataset: Dataset,
    examples: Sequence[Example],
    *,
    crop_size: tuple[int, int],
    steps: int,
    ready: Batch | None = None,
    runtimes: Mapping[str, Callable[[], Any]] | None = None,
    seed: int = 0,
    on_step: Callable[[], None] = lambda: None,
) -> LoopSpeed:
    """Measures `steps` steps of `train`; validation, and the first steps, do not count.

    Args:
      build: makes the network.
      recipe: how it is trained.
      dataset, examples: the training images; the first is also the only one to validate on.
      crop_size: (height, width) of the training images.
      steps: how many are measured.
      ready: the batch of every step; None: each is read and augmented.
      runtimes: functions that are called after each step of the loop, and timed, so that all meet the same
        load of the machine. With real input they would give it time that it has not.
      seed: of the network and the input.
      on_step: called after each step, those that do not count too.
    """
    runtimes = runtimes or {}
    total = steps + _WARM_UP_STEPS
    # As many images as an epoch of that many steps needs.
    shown = list(itertools.islice(itertools.cycle(examples), total * recipe.batch_size))
    recipe = dataclasses.replace(
        recipe, epochs=1, validation_epochs=1, class_weight_exponent=0.0, bn_recalibration_batches=0
    )
    clock = _Clock(runtimes, on_step)
    with tempfile.TemporaryDirectory(prefix="benchmark") as folder:
        keras.utils.set_random_seed(seed)
        train(
            build(),
            recipe,
            dataset,
            shown,
            examples[:1],
            output_dir=f"{folder}/run",
            crop_size=crop_size,
            seed=seed,
            make_batches=clock.watched(ready),
            on_step=clock.step,
        )
    loop, waits = clock.loop[_WARM_UP_STEPS:], clock.waits[_WARM_UP_STEPS:]
    return LoopSpeed(
        statistics.median(loop),
        {name: statistics.median(times[_WARM_UP_STEPS:]) for name, times in clock.runtimes.items()},
        sum(waits) / sum(loop),
    )


class _Clock:
    """Seconds of each step of a loop, of the waits for its batches, and of the runtimes."""

    def __init__(self, runtimes: Mapping[str, Callable[[], Any]], on_step: Callable[[], None]):
        self._run, self._on_step = runtimes, on_step
        self.loop, self.waits = [], []
        self.runtimes = {name: [] for name in runtimes}
        self._begun = time.perf_counter()

    def step(self, *_: Any) -> None:
        """Called by the loop after each of its steps."""
        self.loop.append(time.perf_counter() - self._begun)
        for name, runtime in self._run.items():
            begun = time.perf_counter()
            runtime()
            self.runtimes[name].append(time.perf_counter() - begun)
        self._on_step()
        self._begun = time.perf_counter()

    def watched(self, ready: Batch | None) -> Callable[..., Iterator[Batch]]:
        """`training_batches`, or as many times the batch `ready`, with the waits for each noted."""

        def batches(*arguments: Any, first_step: int, last_step: int, **plan: Any) -> Iterator[Batch]:
            if ready is None:
                made = training_batches(*arguments, first_step=first_step, last_step=last_step, **plan)
            else:
                made = itertools.repeat(ready, last_step - first_step)
            while True:
                begun = time.perf_counter()
                batch = next(made, None)
                if batch is None:
                    return
                self.waits.append(time.perf_counter() - begun)
                yield batch

        return batches
