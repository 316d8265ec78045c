"""Steps on one processor and on two virtual ones, in a process of its own: prints JSON, name -> how they differ."""

import dataclasses
import json

import tensorflow as tf

from contextnet_tf.training.execution import Execution
from contextnet_tf.training.recipe import PAPER
from contextnet_tf.training.strategy import get_devices
from small_batches import RECIPE, largest_difference, stepped

STEPS = 20


def differences() -> dict[str, dict[str, float]]:
    """The largest differences of weights (averaged ones too) and of figures, for each pair of ways."""
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    two = get_devices("mirrored")
    assert (two.replicas, two.worker, two.workers) == (2, 0, 1)
    paper = dataclasses.replace(PAPER, batch_size=4, averaging=0.9, hard_below=0.6)
    pairs = {
        "frozen": (True, RECIPE, Execution(devices=two, accumulate=2)),
        "synchronized": (False, paper, Execution(devices=two, sync_batch_norm=True)),
    }
    found = {}
    for name, (frozen, recipe, execution) in pairs.items():
        one = stepped(Execution(), STEPS, frozen=frozen, recipe=recipe)
        other = stepped(execution, STEPS, frozen=frozen, recipe=recipe)
        found[name] = {
            "weights": largest_difference(one[:2], other[:2]),
            "figures": max(
                abs(a[key] - b[key]) for a, b in zip(one[2], other[2], strict=True) for key in a
            ),
        }
    model, _, _ = stepped(Execution(devices=two), 2)
    replicas = [two.strategy.experimental_local_results(variable.value) for variable in model.variables]
    found["between replicas"] = {
        "weights": max(float(tf.reduce_max(tf.abs(tf.cast(a - b, tf.float32)))) for a, b in replicas)
    }
    return found


if __name__ == "__main__":
    print(json.dumps(differences()))
