"""Time and memory of a process up to its first labels, compared with LiteRT, OpenCV and NumPy without this package.

Each sample is a process of its own: a cold start, as on a device after a reboot, except for the file cache.
"""

import dataclasses
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from contextnet_tf.benchmarking.process import ROOT
from contextnet_tf.benchmarking.protocol import Sample, Timing, interleave
from contextnet_tf.errors import InputError
from contextnet_tf.files import write_png

# The example of docs/runtimes.md: upsampling and arg-max by OpenCV and NumPy.
_BARE = """
import sys, cv2, numpy as np
from ai_edge_litert.interpreter import Interpreter
run = Interpreter(sys.argv[1]).get_signature_runner()
height, width = run.get_input_details()["image"]["shape"][1:3]
image = cv2.cvtColor(cv2.imread(sys.argv[2]), cv2.COLOR_BGR2RGB)
logits = run(image=cv2.resize(image, (width, height))[np.newaxis])["logits"][0].astype(np.float32)
labels = cv2.resize(logits, image.shape[1::-1], interpolation=cv2.INTER_LINEAR).argmax(axis=-1).astype(np.uint8)
"""
_SEGMENTER = """
import sys, cv2
from contextnet_tf import Segmenter
labels = Segmenter(sys.argv[1]).segment(cv2.cvtColor(cv2.imread(sys.argv[2]), cv2.COLOR_BGR2RGB))
"""
_WITHOUT_NUMBA = "import sys; sys.modules['numba'] = None\n"
# The peak memory of the process alone, as in `machine.peak_memory`, without loading anything for it.
_PEAK = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"

BARE = "LiteRT, OpenCV, NumPy"
ROWS = {
    BARE: _BARE,
    "Segmenter": _WITHOUT_NUMBA + _SEGMENTER,
    "Segmenter, numba": _SEGMENTER,
    "import contextnet_tf": "import contextnet_tf\n",
}
WARM_UP = 1  # rounds: fills the file cache


@dataclasses.dataclass(frozen=True)
class Startup:
    """Duration of a process, and the medians of its processor time and peak memory.

    The processor time, in milliseconds, hardly depends on the load of the machine. The peak memory is in bytes.
    """

    timing: Timing
    processor_milliseconds: float
    peak_memory: int


def measure_startup(file: str | os.PathLike, image: np.ndarray, *, rounds: int) -> dict[str, Startup]:
    """Runs each of `ROWS` once per round, on one image uint8 [H, W, 3] RGB and one thread.

    Raises:
      InputError: a process fails, for example because the file is not one of logits.
    """
    peaks: dict[str, list[int]] = {name: [] for name in ROWS}
    processor: dict[str, list[float]] = {name: [] for name in ROWS}
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "image.png"
        write_png(source, image[..., ::-1])

        def sample(name: str) -> Sample:
            command = [sys.executable, "-c", ROWS[name] + _PEAK, str(file), str(source)]
            start, before = time.perf_counter(), _processor_seconds()
            finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            milliseconds = 1000 * (time.perf_counter() - start)
            if finished.returncode:
                said = finished.stderr.strip().splitlines()  # nothing if a signal ended the process
                reason = said[-1] if said else f"exit code {finished.returncode}, perhaps because memory ran out"
                raise InputError(f"{name}: failed ({reason})")
            processor[name].append(1000 * (_processor_seconds() - before))
            peaks[name].append(1024 * int(finished.stdout.split()[-1]))
            return {"process": milliseconds}

        rows = {name: lambda name=name: sample(name) for name in ROWS}
        timings = interleave(rows, rounds=rounds, warm_up=WARM_UP)
    return {
        name: Startup(timings[name], statistics.median(processor[name]), round(statistics.median(peaks[name])))
        for name in ROWS
    }


def _processor_seconds() -> float:
    """The processor time of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
