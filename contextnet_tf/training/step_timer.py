"""How fast a run moves, and the time that is left."""

import collections
import contextlib
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_RECENT_STEPS = 50

T = TypeVar("T")


class StepTimer:
    """Measures the steps, validations and savings of one process.

    The first step is left out: it builds the graph.

    Args:
      batch_size: images in a step.
      validation_steps: what a validation is taken to last before one was measured, in steps.
      save_seconds: from one save on time to the next.
      clock: tells the seconds.
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
        # Each step: (seconds, of which waited for the input).
        self._steps: collections.deque[tuple[float, float]] = collections.deque(maxlen=_RECENT_STEPS)
        self._validations: list[float] = []
        self._savings: list[float] = []
        self._begun: float | None = None  # when the current step did; None before the first
        self._waited = 0.0

    def waiting(self, batches: Iterable[T]) -> Iterator[T]:
        """The batches, while the time that they let the run wait is measured."""
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
        """Called when a step has ended."""
        now = self._clock()
        if self._begun is not None:
            self._steps.append((now - self._begun, self._waited))
        self._begun = now

    def validation(self) -> contextlib.AbstractContextManager[None]:
        """Around a validation and the savings that belong to it."""
        return self._aside(self._validations)

    def saving(self) -> contextlib.AbstractContextManager[None]:
        """Around the saving of a state."""
        return self._aside(self._savings)

    def speed(self) -> dict[str, float]:
        """Over the recent steps: "images_per_second", and "input_wait_share", the part of the time that was
        waited for images (at most, where a device works on by itself). Empty before the second step."""
        if not self._steps:
            return {}
        seconds, waited = (sum(column) for column in zip(*self._steps, strict=True))
        return {
            "images_per_second": len(self._steps) * self._batch_size / seconds,
            "input_wait_share": waited / seconds,
        }

    def seconds_left(self, steps: int, validations: int) -> float:
        """What so many steps and validations will last, with the savings between and the measurement of the best
        network at the end; nan before the second step."""
        if not self._steps:
            return float("nan")
        step = statistics.median(seconds for seconds, _ in self._steps)
        measured = self._validations or [self._validation_steps * step]
        # The first builds a graph, and so does the measurement of the best network at the end.
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
