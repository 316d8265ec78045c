"""OpenVINO, for x86 and ARM processors. Needs the extra `[openvino]`."""

import contextlib
import ctypes
import os
import pathlib
import tempfile
from collections.abc import Iterator

import numpy as np
import openvino

from contextnet_tf.deployment.engines.tflite_file import TFLiteEngine, unusable
from contextnet_tf.machine import available_cores


@contextlib.contextmanager
def _same_signal_stack() -> Iterator[None]:
    """Keeps the stack on which this thread's signal handlers run (sigaltstack).

    OpenVINO replaces it by one that it frees with the network, and restores the wrong one when the networks of twins
    are freed in another order than they were made: then the next signal, such as Ctrl-C, ends the process.
    """
    libc, stack = ctypes.CDLL(None), (ctypes.c_void_p * 3)()  # stack_t: a pointer, a size and flags
    libc.sigaltstack(None, stack)
    try:
        yield
    finally:
        libc.sigaltstack(stack, None)


class OpenVINOEngine(TFLiteEngine):
    """Runs a .tflite file written by `export_tflite` on OpenVINO's CPU device. Inference is serialized.

    By default OpenVINO computes in bfloat16 if the processor supports bfloat16. This is faster and moves some class
    borders by a pixel. `precision` "f32" selects float32.
    """

    def __init__(self, path: str | os.PathLike, num_threads: int | None = None, precision: str | None = None):
        """Loads the file; `num_threads` None: all cores; `precision` None: OpenVINO's default.

        Raises:
          InputError: the file is missing, damaged, or of another kind.
        """
        super().__init__(path)
        self.num_threads = num_threads or available_cores()
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": self.num_threads,
            "ENABLE_CPU_PINNING": False,  # pinning would put twins on the same core
        }
        if precision is not None:
            self._settings["INFERENCE_PRECISION_HINT"] = precision
        try:
            self._model = self._read(pathlib.Path(path))
            self._start()
        except RuntimeError as error:
            raise unusable(path, error) from None

    def _read(self, path: pathlib.Path) -> openvino.Model:
        """The file as OpenVINO's model. OpenVINO recognizes it by its suffix; one of another name is copied first."""
        if path.suffix == ".tflite":
            return openvino.Core().read_model(path)
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder, "model.tflite")
            copy.write_bytes(self._file.content)
            return openvino.Core().read_model(copy)

    def _start(self) -> None:
        with _same_signal_stack():
            network = openvino.Core().compile_model(self._model, "CPU", self._settings)
        self._request = network.create_infer_request()

    def _run(self, images: np.ndarray) -> np.ndarray:
        return self._request.infer([images])[0][0]
