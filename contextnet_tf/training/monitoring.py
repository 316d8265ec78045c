"""Monitoring of a run while it trains: throughput and remaining time, and its TensorBoard logs."""

import collections
import contextlib
import pathlib
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.colors import overlay
from contextnet_tf.datasets.pipeline import evaluation_examples
from contextnet_tf.datasets.sources import Example
from contextnet_tf.errors import InputError, reason_of
from contextnet_tf.evaluation.evaluate import Report
from contextnet_tf.machine import peak_memory
from contextnet_tf.plots import confusion_image

_RECENT_STEPS = 50
_IMAGES = 3  # validation images shown in TensorBoard

T = TypeVar("T")


class StepTimer:
    """Times the steps, validations and checkpoints of one process.

    The first step is ignored, because it builds the graph.

    Args:
      batch_size: images per step.
      validation_steps: estimated duration of a validation in steps, used until one has been measured.
      save_seconds: seconds between checkpoints.
      clock: returns the current time in seconds.
    """

    def __init__(
        self,
        batch_size: int,
        *,
        validation_steps: float,
        save_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._batch_size, self._validation_steps, self._save_seconds = batch_size, validation_steps, save_seconds
        self._clock = clock
        # Of each step: (seconds, seconds of input wait).
        self._steps: collections.deque[tuple[float, float]] = collections.deque(maxlen=_RECENT_STEPS)
        self._validations: list[float] = []
        self._savings: list[float] = []
        self._begun: float | None = None  # start of the current step; None before the first
        self._waited = 0.0

    def waiting(self, batches: Iterable[T]) -> Iterator[T]:
        """Yields the batches and measures the input wait of each."""
        iterator = iter(batches)
        while True:
            asked = self._clock()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            self._waited = self._clock() - asked
            yield batch

    def end_step(self) -> None:
        """Records the end of a step."""
        now = self._clock()
        if self._begun is not None:
            self._steps.append((now - self._begun, self._waited))
        self._begun = now

    def validation(self) -> contextlib.AbstractContextManager[None]:
        """A context manager that times a validation and its checkpoint."""
        return self._aside(self._validations)

    def saving(self) -> contextlib.AbstractContextManager[None]:
        """A context manager that times the writing of a checkpoint."""
        return self._aside(self._savings)

    def speed(self) -> dict[str, float]:
        """Over the recent steps: "images_per_second", and "input_wait_share", the share of time spent waiting for
        input (an upper bound if the device computes asynchronously). Empty before the second step."""
        if not self._steps:
            return {}
        seconds, waited = (sum(column) for column in zip(*self._steps, strict=True))
        return {
            "images_per_second": len(self._steps) * self._batch_size / seconds,
            "input_wait_share": waited / seconds,
        }

    def seconds_left(self, steps: int, validations: int) -> float:
        """Estimated seconds for the given steps and validations, with checkpoints and the final evaluation of the
        best network; NaN before the second step."""
        if not self._steps:
            return float("nan")
        step = statistics.median(seconds for seconds, _ in self._steps)
        measured = self._validations or [self._validation_steps * step]
        # The first validation builds a graph; so does the final evaluation, which therefore takes as long.
        work = steps * step + validations * statistics.median(measured[1:] or measured) + measured[0]
        if not self._savings:
            return work
        savings = min(steps, work / self._save_seconds) if self._save_seconds else steps
        return work + savings * statistics.median(self._savings)

    @contextlib.contextmanager
    def _aside(self, measured: list[float]) -> Iterator[None]:
        begun = self._clock()
        yield
        now = self._clock()
        measured.append(now - begun)
        if self._begun is not None:
            self._begun = now


class Board:
    """Writes `folder`, a TensorBoard log directory: curves, IoU per class, confusion matrix, sample segmentations.

    Raises:
      InputError: the folder cannot be written, or the disk is full; raised by every method.
    """

    def __init__(self, folder: pathlib.Path, dataset: Dataset):
        self._folder, self._dataset = folder, dataset
        with self._naming_failure():
            self._writer = tf.summary.create_file_writer(str(folder))

    def scalars(self, group: str, step: int, figures: Mapping[str, float]) -> None:
        """Adds the finite `figures` as scalars `group`/name."""
        with self._writing():
            for name, value in figures.items():
                if np.isfinite(value):
                    tf.summary.scalar(f"{group}/{name}", value, step)

    def validation(self, step: int, report: Report, segment: Callable, examples: Sequence[Example]) -> None:
        """Adds the metrics of a validation, its confusion matrix as an image, and overlays of a few predictions.

        `segment` maps an image uint8 [H, W, 3] to train ids uint8 [H, W].
        """
        self.scalars("validation", step, {"mean_iou": report.mean_iou, "pixel_accuracy": report.pixel_accuracy})
        self.scalars("iou", step, report.class_iou)
        spread = [examples[i] for i in np.linspace(0, len(examples) - 1, _IMAGES).astype(int)]
        confusion = tf.image.decode_png(confusion_image(report.confusion, list(report.class_iou)), channels=3)
        shown = [
            overlay(image.numpy(), np.asarray(segment(image)), self._dataset.palette)
            for image, _ in evaluation_examples(self._dataset, spread)
        ]
        with self._writing():
            tf.summary.image("confusion", confusion[tf.newaxis], step)
            for place, image in enumerate(shown):
                tf.summary.image(f"validation/{place}", image[np.newaxis], step)
            self._writer.flush()

    def close(self) -> None:
        """Closes the log file."""
        with self._writing():
            self._writer.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._naming_failure(), self._writer.as_default():
            yield

    @contextlib.contextmanager
    def _naming_failure(self) -> Iterator[None]:
        try:
            yield
        except tf.errors.OpError as error:
            full = isinstance(error, tf.errors.ResourceExhaustedError | tf.errors.OutOfRangeError)  # the latter: EFBIG
            remedy = "free disk space" if full else "make it writable"
            reason = reason_of(error)[-120:]
            raise InputError(
                f"{self._folder}: cannot be written ({reason}); {remedy}, then run the same command again"
            ) from None


def memory_in_use() -> dict[str, float]:
    """Memory in MB: "process", the peak resident size; "gpu0" and so on, TensorFlow's current allocation."""
    figures = {"process": peak_memory() / 1e6}
    for number in range(len(tf.config.list_logical_devices("GPU"))):
        figures[f"gpu{number}"] = tf.config.experimental.get_memory_info(f"GPU:{number}")["current"] / 1e6
    return figures
