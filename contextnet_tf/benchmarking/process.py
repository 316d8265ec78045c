"""Benchmarks in separate processes, which isolate threads, libraries and memory.

Processes start without TensorFlow: LiteRT, OpenVINO and PyTorch do not need it, its import takes 5 s, and PyTorch's
optimizers crash with a segmentation fault after an import of TensorFlow.
"""

import contextlib
import dataclasses
import importlib
import multiprocessing
import pathlib
import subprocess
import sys
from collections.abc import Callable, Hashable, Mapping
from multiprocessing.connection import Connection
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from contextnet_tf.benchmarking.protocol import Sample, Timing, interleave
from contextnet_tf.benchmarking.work import Work
from contextnet_tf.deployment.upsample import fastest_implementation
from contextnet_tf.errors import InputError, reason_of
from contextnet_tf.machine import peak_memory

Key = TypeVar("Key", bound=Hashable)

_START = """
import sys
sys.path.insert(0, sys.argv[1])
from contextnet_tf.benchmarking.process import serve
serve(int(sys.argv[2]))
"""
ROOT = str(pathlib.Path(__file__).resolve().parents[2])  # the folder that holds this package


class Server(Protocol):
    """The functions of a process: imports `packages`, calls `start` once, then serves the returned functions.

    The server is pickled, and the process imports its module, which should not import TensorFlow if possible.
    """

    @property
    def packages(self) -> tuple[str, ...]:
        """Names of packages to import before `start`."""

    def start(self) -> Mapping[str, Callable[..., Any]]:
        """The functions that the process offers, by name."""


class ServerProcess:
    """A process that serves the functions of a `Server`. A context manager that ends the process on exit."""

    def __init__(self, server: Server):
        """Starts the process and waits until the server has started.

        Raises:
          InputError: the server cannot start, or the process ended.
        """
        self._connection, other_end = multiprocessing.Pipe()
        arguments = [sys.executable, "-c", _START, ROOT, str(other_end.fileno())]
        # Discards the output of native libraries, which would bury our messages; errors come through the connection.
        self._process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL, pass_fds=[other_end.fileno()])
        other_end.close()
        try:
            self._answer_to(sys.path, server)
        except BaseException:
            self.close()
            raise

    def call(self, function: str, *arguments: Any) -> Any:
        """The result of one of the server's functions.

        Raises:
          InputError: the function raised an exception, or the process ended.
        """
        return self._answer_to((function, arguments))

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer_to(self, *messages: Any) -> Any:
        try:
            for message in messages:
                self._connection.send(message)
            failed, answer = self._connection.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise InputError(
                f"a benchmark process ended unexpectedly (exit code {self._process.wait()}), perhaps because memory "
                "ran out; compare fewer networks or runtimes at a time"
            ) from None
        if failed:
            raise InputError(answer)
        return answer


@dataclasses.dataclass(frozen=True)
class WorkServer:
    """Serves samples of a work on a file of frames; see `BenchmarkProcess`."""

    work: Work
    frames: pathlib.Path

    @property
    def packages(self) -> tuple[str, ...]:
        """See `Server`."""
        return self.work.packages

    def start(self) -> Mapping[str, Callable[..., Any]]:
        """See `Server`."""
        fastest_implementation()  # loads numba now, to exclude its memory from the network's
        frames = np.load(self.frames)
        before = peak_memory()
        loaded = self.work.load()
        first_labels = self.work.labels(loaded, frames)
        samples = self.work.samples(loaded, frames)
        return {
            "labels": lambda: first_labels,
            "sample": lambda: next(samples),
            "peak memory": lambda: peak_memory() - before,
        }


class BenchmarkProcess(ServerProcess):
    """Runs a work in another process, one sample per call. A context manager that ends the process on exit.

    Attributes:
      labels: the labels of the first frame, uint8 [H, W].
    """

    def __init__(self, work: Work, frames: pathlib.Path):
        """Starts the process and waits until it has labeled one frame.

        Args:
          work: the work to run.
          frames: a .npy file of frames, uint8 [N, H, W, 3].

        Raises:
          InputError: the work failed, or the process ended.
        """
        super().__init__(WorkServer(work, frames))
        self.labels: np.ndarray = self.call("labels")

    def sample(self) -> Sample:
        """Milliseconds of each part of the next frame; cycles through the frames."""
        return self.call("sample")

    def peak_memory(self) -> int:
        """The peak memory of the process in bytes, minus the peak before it loaded the network."""
        return self.call("peak memory")


@dataclasses.dataclass(frozen=True)
class MeasuredWork:
    """The timing of a work, its `BenchmarkProcess.peak_memory` in bytes, and the labels of the first frame."""

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
) -> dict[Key, MeasuredWork]:
    """Starts a process for each work and its file of frames, and interleaves their samples: see `interleave`.

    Args:
      works: by key, the work and its .npy file of frames.
      rounds, warm_up: see `interleave`.
      on_labels: called with the labels of each work before the timing; an exception ends the measurement.
      on_failure: called with the error of a failed work, which is skipped; may raise the error instead.
      on_start: called with the total number of samples when all processes are ready.
      on_sample: called after each sample.

    Raises:
      InputError: a process ended during the timing.
    """
    fastest_implementation()  # compiles here if necessary; the processes then use the cache
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
        timings = interleave(rows, rounds=rounds, warm_up=warm_up, on_sample=on_sample)
        return {
            key: MeasuredWork(timings[key], process.peak_memory(), process.labels) for key, process in processes.items()
        }


def serve(descriptor: int) -> None:
    """The main loop of the process: answers (False, value), or (True, reason) for an exception, until disconnected."""
    connection = Connection(descriptor)
    try:
        sys.path[:] = connection.recv()
        try:
            server = connection.recv()
            for name in server.packages:
                importlib.import_module(name)
            functions = server.start()
            connection.send((False, None))
        except Exception as error:  # of any library; the parent reports the reason in one line
            connection.send((True, reason_of(error)))
            return
        while True:
            name, arguments = connection.recv()
            try:
                answer = (False, functions[name](*arguments))
            except Exception as error:
                answer = (True, reason_of(error))
            connection.send(answer)
    except (EOFError, ConnectionResetError, BrokenPipeError):
        pass  # the parent has finished
