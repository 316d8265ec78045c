"""Compares the C++ header with Python's Segmenter, on whole frames, interleaved."""

import os
import pathlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from contextnet_tf.benchmarking.protocol import Sample, Timing, interleave
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError

ROWS = ("python", "c++", "python, stream", "c++, stream")
WARM_UP = 3  # rounds
STREAM_FRAMES = 8


def compare_cpp(
    file: str | os.PathLike, program: str | os.PathLike, image: np.ndarray, *, rounds: int
) -> dict[str, Timing]:
    """Times `ROWS` on one image uint8 [H, W, 3] of the file's size: milliseconds per frame, from pixels to labels.

    `program` is the compiled time_segment of cpp/. A single frame uses one thread; a stream of `STREAM_FRAMES` frames
    uses one worker per core, and its time is divided by the number of frames.

    Raises:
      InputError: the file is invalid, the image has another size, or the program fails.
    """
    segmenter = Segmenter(file)
    if image.shape[:2] != segmenter.size:
        raise InputError(f"the image is {image.shape[:2]} (height, width); {file} takes {segmenter.size}")
    with _started(program, file, image) as ask:
        rows: dict[str, Callable[[], Sample]] = {
            "python": lambda: {"frame": _milliseconds(lambda: segmenter.segment(image))},
            "c++": lambda: {"frame": ask("segment")},
            "python, stream": lambda: {
                "frame": _milliseconds(lambda: list(segmenter.stream([image] * STREAM_FRAMES))) / STREAM_FRAMES
            },
            "c++, stream": lambda: {"frame": ask(f"stream {STREAM_FRAMES}")},
        }
        return interleave(rows, rounds=rounds, warm_up=WARM_UP)


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


@contextmanager
def _started(
    program: str | os.PathLike, file: str | os.PathLike, image: np.ndarray
) -> Iterator[Callable[[str], float]]:
    """A function that sends a command line to the C++ program and returns the milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        pixels = pathlib.Path(folder) / "pixels"
        pixels.write_bytes(np.ascontiguousarray(image).tobytes())
        command = [str(program), str(file), "1", str(pixels)]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",  # another program may write anything
            )
        except OSError as error:
            raise InputError(f"{program}: cannot be started ({error.strerror}); compile it first") from None

        def ask(line: str) -> float:
            assert process.stdin is not None and process.stdout is not None and process.stderr is not None
            try:
                process.stdin.write(f"{line}\n")
                process.stdin.flush()
                return float(process.stdout.readline())
            except (OSError, ValueError):  # the program ended, and stderr has the reason; or it is another program
                process.kill()
                process.stdout.close()  # ends its child processes, which keep stderr open, when they write
                reason = process.stderr.read().strip() or "ended, or is not the compiled cpp/time_segment.cpp"
                raise InputError(f"{program}: {reason}") from None

        try:
            yield ask
        finally:
            process.kill()
            process.communicate()  # closes the pipes, even broken ones
