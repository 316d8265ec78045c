"""Training throughput and remaining time of a run."""

import collections
import contextlib
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_RECENT_STEPS = 50

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
