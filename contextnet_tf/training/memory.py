"""The memory use of the process."""

import tensorflow as tf

from contextnet_tf.machine import peak_memory


def memory_in_use() -> dict[str, float]:
    """Memory in MB: "process", the peak resident size; "gpu0" and so on, TensorFlow's current allocation."""
    figures = {"process": peak_memory() / 1e6}
    for number in range(len(tf.config.list_logical_devices("GPU"))):
        figures[f"gpu{number}"] = tf.config.experimental.get_memory_info(f"GPU:{number}")["current"] / 1e6
    return figures
