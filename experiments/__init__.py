"""Programs, run from the checkout as `python -m experiments.NAME`. One file, one program."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Sends what native libraries write to standard error nowhere, and that of processes that start meanwhile.

    They write before any level of logging is looked at, and would bury the one line that a person must read.
    """
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


# Whoever sets TF_CPP_MIN_LOG_LEVEL, to any value, gets all that TensorFlow says while it loads.
if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    with quietly():
        import tensorflow

        tensorflow.config.list_physical_devices()  # loads the device libraries, which write as well
