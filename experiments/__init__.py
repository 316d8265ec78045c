"""Programs, run from the checkout as `python -m experiments.NAME`. One file, one program."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Discards the standard error output of native libraries and of processes started meanwhile.

    Native libraries ignore logging levels, and their output would bury the one line that the user must read.
    """
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


# If TF_CPP_MIN_LOG_LEVEL is set to any value, TensorFlow's output while loading is shown.
if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    with quietly():
        import tensorflow

        tensorflow.config.list_physical_devices()  # loads the device libraries, which write as well
