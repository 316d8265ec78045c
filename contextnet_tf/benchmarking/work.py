"""The work of a benchmark process: sequential frames or a pipelined stream."""

import dataclasses
import itertools
import pathlib
import time
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from contextnet_tf.benchmarking.protocol import Sample
from contextnet_tf.benchmarking.runtimes.runtime import Runtime, Stage
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.machine import available_cores


class Work(Protocol):
    """The work that a benchmark process repeats. Pickled to send it to the process."""

    @property
    def packages(self) -> tuple[str, ...]:
        """Names of packages to import before `load`."""

    def load(self) -> Any:
        """Loads the runtime or segmenter; called once."""

    def labels(self, loaded: Any, frames: np.ndarray) -> np.ndarray:
        """The labels of the first frame, uint8 [H, W]."""

    def samples(self, loaded: Any, frames: np.ndarray) -> Iterator[Sample]:
        """Yields samples endlessly, one at a time."""


@dataclasses.dataclass(frozen=True)
class OneFrame:
    """A runtime that processes frames sequentially; a sample has the milliseconds of each part of a frame."""

    runtime: type[Runtime]
    path: pathlib.Path
    num_threads: int

    @property
    def packages(self) -> tuple[str, ...]:
        """See `Work`."""
        return self.runtime.packages

    def load(self) -> Runtime:
        """See `Work`."""
        return self.runtime(self.path, self.num_threads)

    def labels(self, loaded: Runtime, frames: np.ndarray) -> np.ndarray:
        """See `Work`."""
        value = frames[0]
        for stage in loaded.stages:
            value = stage.run(value)
        return value

    def samples(self, loaded: Runtime, frames: np.ndarray) -> Iterator[Sample]:
        """See `Work`."""
        for frame in itertools.cycle(frames):
            yield timed(loaded.stages, frame)


@dataclasses.dataclass(frozen=True)
class Stream:
    """A file in a pipelined `Segmenter.stream`; a sample has the milliseconds per frame over `length` frames.

    The measurement runs from the labels of one frame to the labels `length` frames later, so it excludes filling and
    draining the pipeline.
    """

    engine: str
    path: pathlib.Path
    num_threads: int
    length: int
    packages: tuple[str, ...] = ()

    def load(self) -> Segmenter:
        """See `Work`."""
        return Segmenter(self.path, engine=self.engine, num_threads=self.num_threads)

    def labels(self, loaded: Segmenter, frames: np.ndarray) -> np.ndarray:
        """See `Work`."""
        return next(iter(loaded.stream(frames[:1])))

    def samples(self, loaded: Segmenter, frames: np.ndarray) -> Iterator[Sample]:
        """See `Work`."""
        filling = available_cores() + 1  # the number of frames in flight
        while True:
            endless = itertools.islice(itertools.cycle(frames), self.length + 2 * filling)
            labels = loaded.stream(endless)
            _skip(labels, filling)
            start = time.perf_counter()
            _skip(labels, self.length)
            milliseconds = 1000 * (time.perf_counter() - start) / self.length
            _skip(labels, filling)
            yield {"all": milliseconds}


def timed(stages: tuple[Stage, ...], frame: np.ndarray) -> Sample:
    """Milliseconds of one frame in each part."""
    parts: dict[str, float] = {}
    value, before = frame, time.perf_counter()
    for stage in stages:
        value = stage.run(value)
        after = time.perf_counter()
        parts[stage.part] = parts.get(stage.part, 0.0) + 1000 * (after - before)
        before = after
    return parts


def _skip(labels: Iterator[np.ndarray], count: int) -> None:
    for _ in range(count):
        next(labels)
