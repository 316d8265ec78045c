"""Training speed: the bare step, and the training loop with prepared and with real input."""

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
from contextnet_tf.training.plan import Poly
from contextnet_tf.training.precision import clone_network
from contextnet_tf.training.recipe import Recipe
from contextnet_tf.training.step import make_training_step
from contextnet_tf.training.train import train

_WARM_UP_STEPS = 3  # the first builds the graph, the next ones allocate memory

Batch = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class LoopSpeed:
    """Medians over the steps of a run, in seconds: a step of the loop, and a step of each compared runtime.

    `input_wait_share`: the share of the loop's time spent waiting for batches.
    """

    loop: float
    runtimes: dict[str, float]
    input_wait_share: float


def bare_step(model: keras.Model, recipe: Recipe, steps: int, batch: Batch) -> Callable[[], Any]:
    """A function that runs one training step on `batch` and returns when the step has finished."""
    optimizer = recipe.optimizer.build(Poly(recipe.base_learning_rate, recipe.power, steps))
    network = without_aux_heads(model)
    ema = clone_network(network, dtype_policy="float32")
    step = make_training_step(model, network, ema, optimizer, recipe, None, ComputeConfig())
    return lambda: float(step(batch)["loss"])


def first_batch(
    dataset: Dataset, examples: Sequence[Example], recipe: Recipe, crop_size: tuple[int, int], seed: int
) -> Batch:
    """The first batch of a run."""
    batches = training_batches(
        dataset,
        examples,
        augmentation=recipe.augmentation,
        crop_size=crop_size,
        batch_size=recipe.batch_size,
        seed=seed,
        first_step=0,
        last_step=1,
    )
    return next(batches)


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
    """Measures `steps` steps of `train`; validation and the warm-up steps are ignored.

    Args:
      build: builds the network.
      recipe: the training recipe.
      dataset, examples: the training images; the first is also the only validation image.
      crop_size: (height, width) of the training images.
      steps: number of measured steps.
      ready: the batch for every step; None: batches are read and augmented.
      runtimes: functions called and timed after each step of the loop, so that all run under the same load. Do not
        combine with real input: they would give the input pipeline extra time.
      seed: of the network and the input.
      on_step: called after each step, warm-up steps included.
    """
    runtimes = runtimes or {}
    total = steps + _WARM_UP_STEPS
    # The images of one epoch of `total` steps.
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
    """Seconds of each step of the loop, of each input wait, and of each call of the runtimes."""

    def __init__(self, runtimes: Mapping[str, Callable[[], Any]], on_step: Callable[[], None]):
        self._run, self._on_step = runtimes, on_step
        self.loop: list[float] = []
        self.waits: list[float] = []
        self.runtimes: dict[str, list[float]] = {name: [] for name in runtimes}
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
        """`training_batches`, or the batch `ready` repeated; records the wait for each batch."""

        def batches(*arguments: Any, first_step: int, last_step: int, **plan: Any) -> Iterator[Batch]:
            made: Iterator[Batch]
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
