"""Programs, run from the checkout as `python -m experiments.NAME`, and what they share. README.md lists them."""

import contextlib
import os
import sys

from contextnet_tf.errors import needed_by
from contextnet_tf.machine import quietly

# Where the environment sets TF_CPP_MIN_LOG_LEVEL, to whatever value, TensorFlow's output while loading is shown.
_SHOWN = "TF_CPP_MIN_LOG_LEVEL" in os.environ
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def load_tensorflow(needed: str = "this program") -> None:
    """Loads TensorFlow and its device libraries without their output; `needed` names what needs it, for the error.

    Raises:
      NotInstalledError: TensorFlow or Keras is not installed.
    """
    if "tensorflow" in sys.modules:
        return
    with contextlib.nullcontext() if _SHOWN else quietly(), needed_by(needed):
        import keras  # noqa: F401  imports TensorFlow
        import tensorflow

        if not _SHOWN:
            tensorflow.config.list_physical_devices()  # loads the device libraries, which write as well
