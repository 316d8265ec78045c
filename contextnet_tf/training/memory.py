"""How much memory the process takes."""

import resource
import sys

import tensorflow as tf

_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in which the system tells the resident size


def memory_in_use() -> dict[str, float]:
    """In MB: "process", the most that was resident so far, and "gpu0" and so on, what TensorFlow holds there."""
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
    figures = {"process": resident / 1e6}
    for number in range(len(tf.config.list_logical_devices("GPU"))):
        figures[f"gpu{number}"] = tf.config.experimental.get_memory_info(f"GPU:{number}")["current"] / 1e6
    return figures
