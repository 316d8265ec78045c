"""Programs, run from the checkout as `python -m experiments.NAME`. One file, one program."""

import os


def _import_tensorflow_quietly() -> None:
    """Imports TensorFlow without the notes that its native libraries write while they load.

    They come before any level of logging is looked at, and would bury the one line that a person must
    read. Whoever sets TF_CPP_MIN_LOG_LEVEL, to any value, gets them all.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow

        tensorflow.config.list_physical_devices()  # loads the device libraries, which write as well
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
    _import_tensorflow_quietly()
