"""How much memory the process takes."""

import tensorflow as tf

from contextnet_tf.machine import peak_memory


def memory_in_use() -> dict[str, float]:
    """In MB: "process", the most that was resident so far, and "gpu0" and so on, what TensorFlow holds there."""
    figures = {"process": peak_memory() / 1e6}
    for number in range(len(tf.config.list_logical_devices("GPU"))):
        figures[f"gpu{number}"] = tf.config.experimental.get_memory_info(f"GPU:{number}")["current"] / 1e6
    return figures
