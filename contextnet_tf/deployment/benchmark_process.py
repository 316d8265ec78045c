"""A row of a benchmark in a process of its own: its threads, libraries and memory are nobody else's."""

import contextlib
import dataclasses
import importlib
import itertools
import multiprocessing
import os
import pathlib
import sys
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from multiprocessing.connection import Connection
from typing import Any, Protocol, TypeVar

import numpy as np

from contextnet_tf.deployment.benchmark import Sample, Timing, take_turns
from contextnet_tf.deployment.contenders.contender import Contender, Stage
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError

Key = TypeVar("Key", bound=Hashable)


class Work(Protocol):
    """What a process does over and over; a value that can be sent to it."""

    packages: tuple[str, ...]

    def load(self) -> Any:
        """Loads what it runs, once."""

    def labels(self, loaded: Any, frames: np.ndarray) -> np.ndarray:
        """The labels of the first frame, uint8 [H, W]."""

    def samples(self, loaded: Any, frames: np.ndarray) -> Iterator[Sample]:
        """Endless: one sample at a time."""


@dataclasses.dataclass(frozen=True)
class OneFrame:
    """A contender, one frame after the other: milliseconds of each part of one."""

    contender: type[Contender]
    path: pathlib.Path
    num_threads: int

    @property
    def packages(self) -> tuple[str, ...]:
        """See `Work`."""
        return self.contender.packages

    def load(self) -> Contender:
        """See `Work`."""
        return self.contender(self.path, self.num_threads)

    def labels(self, loaded: Contender, frames: np.ndarray) -> np.ndarray:
        """See `Work`."""
        value = frames[0]
        for stage in loaded.stages:
            value = stage.run(value)
        return value

    def samples(self, loaded: Contender, frames: np.ndarray) -> Iterator[Sample]:
        """See `Work`."""
        for frame in itertools.cycle(frames):
            yield timed(loaded.stages, frame)


@dataclasses.dataclass(frozen=True)
class Stream:
    """A file in a pipelined `Segmenter.stream`: milliseconds a frame, of `length` frames in full flow.

    The clock runs from the labels of one frame to those of the frame `length` behind it, so that filling and
    emptying the pipeline do not count.
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
        filling = 4  # frames; as many as are on their way on a few cores
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
    """Milliseconds that one frame takes in each part."""
    parts: dict[str, float] = {}
    value, before = frame, time.perf_counter()
    for stage in stages:
        value = stage.run(value)
        after = time.perf_counter()
        parts[stage.part] = parts.get(stage.part, 0.0) + 1000 * (after - before)
        before = after
    return parts


class BenchmarkProcess:
    """Does some work in another process, one sample whenever it is asked. A context manager: it ends the process.

    Attributes:
      labels: of the first frame, uint8 [H, W].
    """

    def __init__(self, work: Work, frames: pathlib.Path):
        """Starts the process and waits until it has labelled one frame.

        Args:
          work: what it does.
          frames: a .npy file of frames, uint8 [N, H, W, 3].

        Raises:
          InputError: the work cannot be done, or the process came to an end.
        """
        self._connection, other_end = _context().Pipe()
        self._process = _context().Process(target=_serve, args=(other_end, work, frames), daemon=True)
        self._process.start()
        other_end.close()
        try:
            self.labels = self._answer()
        except BaseException:
            self.close()
            raise

    def sample(self) -> Sample:
        """Milliseconds of each part of a frame; frames take turns."""
        self._connection.send("sample")
        return self._answer()

    def peak_memory(self) -> int:
        """Bytes that the process held at most, less what it held before it loaded the network."""
        self._connection.send("memory")
        return self._answer()

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()
        self._process.join()

    def __enter__(self) -> "BenchmarkProcess":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _answer(self) -> Any:
        try:
            failure, answer = self._connection.recv()
        except EOFError:
            self._process.join()
            raise InputError(
                f"a measured process ended by itself (exit code {self._process.exitcode}), maybe for want of memory; "
                "compare fewer at a time"
            ) from None
        if failure:
            raise InputError(answer)
        return answer


@dataclasses.dataclass(frozen=True)
class Measured:
    """What some work took: its times, the bytes of `BenchmarkProcess.peak_memory`, the labels of the first frame."""

    timing: Timing
    peak_memory: int
    labels: np.ndarray


def measure(
    works: Mapping[Key, tuple[Work, pathlib.Path]],
    *,
    rounds: int,
    warm_up: int,
    on_labels: Callable[[Key, np.ndarray], None] = lambda key, labels: None,
    on_start: Callable[[int], None] = lambda samples: None,
    on_sample: Callable[[], None] = lambda: None,
) -> dict[Key, Measured]:
    """Starts a process for each work and its file of frames, and lets them take turns: see `take_turns`.

    `on_labels` gets the labels of each before anything is timed; what it raises ends the measurement. `on_start` is
    called when all are ready, with the number of samples to come, and `on_sample` after each.

    Raises:
      InputError: some work cannot be done, or a process came to an end.
    """
    with contextlib.ExitStack() as stack:
        processes = {}
        for key, work in works.items():
            processes[key] = stack.enter_context(BenchmarkProcess(*work))
            on_labels(key, processes[key].labels)
        rows = {key: process.sample for key, process in processes.items()}
        on_start(len(rows) * (warm_up + rounds))
        timings = take_turns(rows, rounds=rounds, warm_up=warm_up, on_sample=on_sample)
        return {
            key: Measured(timings[key], process.peak_memory(), process.labels) for key, process in processes.items()
        }


def _context() -> multiprocessing.context.BaseContext:
    """Processes that start with this package imported: from a server that has it, where the system can fork."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _serve(connection: Connection, work: Work, frames_path: pathlib.Path) -> None:
    """The other process: answers (False, value), or (True, why not) and ends."""
    # What the libraries have to say to nobody in particular would tear the progress bar of the other side.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        for name in work.packages:
            importlib.import_module(name)
        frames = np.load(frames_path)
        before = _peak_memory()
        loaded = work.load()
        connection.send((False, work.labels(loaded, frames)))
        samples = work.samples(loaded, frames)
        answers: dict[str, Callable[[], Any]] = {
            "sample": lambda: next(samples),
            "memory": lambda: _peak_memory() - before,
        }
        while True:
            connection.send((False, answers[connection.recv()]()))
    except EOFError:
        pass  # the other side has finished
    except Exception as error:  # any library's, told where somebody reads it
        connection.send((True, (str(error).strip() or type(error).__name__).splitlines()[0]))


def _peak_memory() -> int:
    """Bytes that this process held at most; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _skip(labels: Iterator[np.ndarray], count: int) -> None:
    for _ in range(count):
        next(labels)
