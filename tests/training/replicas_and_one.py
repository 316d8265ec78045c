"""Steps on one processor and on two virtual ones, in a process of its own: prints JSON, name -> how they differ."""

import dataclasses
import json

import tensorflow as tf
from small_batches import RECIPE, largest_difference, stepped

from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.recipe import PAPER
from contextnet_tf.training.strategy import get_devices

STEPS = 20


def differences() -> dict[str, dict[str, float]]:
    """The largest differences of weights (averaged ones too) and of figures, for each pair of ways."""
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    two = get_devices("mirrored")
    assert (two.replicas, two.worker, two.workers) == (2, 0, 1)
    paper = dataclasses.replace(PAPER, batch_size=4, ema_decay=0.9, ohem_threshold=0.6)
    pairs = {
        "frozen": (True, RECIPE, ComputeConfig(devices=two, accumulate=2)),
        "synchronized": (False, paper, ComputeConfig(devices=two, sync_batch_norm=True)),
    }
    found = {}
    for name, (frozen, recipe, compute_config) in pairs.items():
        one = stepped(ComputeConfig(), STEPS, frozen=frozen, recipe=recipe)
        other = stepped(compute_config, STEPS, frozen=frozen, recipe=recipe)
        found[name] = {
            "weights": largest_difference(one[:2], other[:2]),
            "figures": max(abs(a[key] - b[key]) for a, b in zip(one[2], other[2], strict=True) for key in a),
        }
    model, _, _ = stepped(ComputeConfig(devices=two), 2)
    replicas = [two.strategy.experimental_local_results(variable.value) for variable in model.variables]
    found["between replicas"] = {
        "weights": max(float(tf.reduce_max(tf.abs(tf.cast(a - b, tf.float32)))) for a, b in replicas)
    }
    return found


if __name__ == "__main__":
    print(json.dumps(differences()))
