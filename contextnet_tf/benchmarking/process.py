"""A row of a benchmark in a process of its own: its threads, libraries and memory are nobody else's."""

import contextlib
import dataclasses
import importlib
import multiprocessing
import pathlib
from collections.abc import Callable, Hashable, Mapping
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import numpy as np

from contextnet_tf.benchmarking.protocol import Sample, Timing, take_turns
from contextnet_tf.benchmarking.work import Work
from contextnet_tf.deployment.upsample import fastest_way
from contextnet_tf.errors import InputError, reason_of
from contextnet_tf.machine import peak_memory

Key = TypeVar("Key", bound=Hashable)


class BenchmarkProcess:
    """Does some work in another process, one sample whenever it is asked. A context manager: it ends the process.

    Attributes:
      labels: of the first frame, uint8 [H, W].
    """

    def __init__(self, work: Work, frames: pathlib.Path):
        """Starts the process and waits until it has labeled one frame.

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
    on_failure: Callable[[Key, InputError], None],
    on_start: Callable[[int], None] = lambda samples: None,
    on_sample: Callable[[], None] = lambda: None,
) -> dict[Key, Measured]:
    """Starts a process for each work and its file of frames, and lets them take turns: see `take_turns`.

    `on_labels` gets the labels of each before anything is timed; what it raises ends the measurement. `on_failure`
    gets the error of work that cannot be done, which is then left out; or it raises it. `on_start` is
    called when all are ready, with the number of samples to come, and `on_sample` after each.

    Raises:
      InputError: a process came to an end while the others were timed.
    """
    fastest_way()  # compiled here if need be, so that the processes only read it
    with contextlib.ExitStack() as stack:
        processes = {}
        for key, work in works.items():
            try:
                processes[key] = stack.enter_context(BenchmarkProcess(*work))
            except InputError as error:
                on_failure(key, error)
                continue
            on_labels(key, processes[key].labels)
        rows = {key: process.sample for key, process in processes.items()}
        on_start(len(rows) * (warm_up + rounds))
        timings = take_turns(rows, rounds=rounds, warm_up=warm_up, on_sample=on_sample)
        return {
            key: Measured(timings[key], process.peak_memory(), process.labels) for key, process in processes.items()
        }


def start_server() -> None:
    """Starts the process that those of a benchmark are forked from, where the system can fork.

    It is started by itself when it is needed. Whoever starts it says where its standard error goes, and theirs:
    to where that of this process goes at the moment.
    """
    if _can_fork():
        _context()
        forkserver.ensure_running()


def _context() -> multiprocessing.context.BaseContext:
    """Processes that start with this package imported: from a server that has it, where the system can fork."""
    if not _can_fork():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _can_fork() -> bool:
    return "forkserver" in multiprocessing.get_all_start_methods()


def _serve(connection: Connection, work: Work, frames_path: pathlib.Path) -> None:
    """The other process: answers (False, value), or (True, why not) and ends."""
    try:
        for name in work.packages:
            importlib.import_module(name)
        fastest_way()  # numba is a library too: its memory is not the network's
        frames = np.load(frames_path)
        before = peak_memory()
        loaded = work.load()
        connection.send((False, work.labels(loaded, frames)))
        samples = work.samples(loaded, frames)
        answers: dict[str, Callable[[], Any]] = {
            "sample": lambda: next(samples),
            "memory": lambda: peak_memory() - before,
        }
        while True:
            connection.send((False, answers[connection.recv()]()))
    except EOFError:
        pass  # the other side has finished
    except Exception as error:  # any library's, told where somebody reads it
        connection.send((True, reason_of(error)))
