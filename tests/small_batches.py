"""A small network, a recipe and batches, for tests of how a step is computed."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.models.outputs import without_aux_heads
from contextnet_tf.models.registry import build_model
from contextnet_tf.models.spec import ContextNetSpec
from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.precision import LossScale, clone_network
from contextnet_tf.training.recipe import SMOKE
from contextnet_tf.training.step import make_training_step

# Without dropout: replicas draw other pixels than one device does.
SPEC = ContextNetSpec(
    "tiny",
    context_scale=2,
    context_rows=(("conv3x3", None, 8, 1, 2), ("bottleneck", 2, 8, 1, 2), ("bottleneck", 1, 8, 1, 2)),
    detail_channels=(8, 8, 8, 8),
    fusion_channels=8,
    dropout_rate=0.0,
)
# RMSprop's form of the paper's recipe is smooth: Adam's steps are as large for a gradient of rounding noise.
RECIPE = dataclasses.replace(SMOKE, batch_size=4)
CLASS_WEIGHTS = np.array([0.5, 1.0, 3.0, 1.0, 2.0], np.float32)


def small_network(frozen: bool) -> keras.Model:
    """The same random network at every call; `frozen`: with batch statistics that stay as they are."""
    keras.utils.set_random_seed(3)
    model = build_model(SPEC, num_classes=5, input_shape=(None, None, 3), aux_head=True)
    if frozen:
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    return model


def batches(count: int, size: int = 4) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images and labels; one image of each batch is mostly ignored: the parts of a batch weigh differently."""
    rng = np.random.default_rng(1)
    made = []
    for _ in range(count):
        images = rng.random((size, 32, 48, 3), np.float32)
        labels = rng.integers(0, 5, (size, 32, 48)).astype(np.uint8)
        labels[0, 4:] = 255
        made.append((images, labels))
    return made


def stepped(
    compute_config: ComputeConfig, steps: int, *, frozen: bool = False, recipe=RECIPE
) -> tuple[keras.Model, keras.Model, list[dict[str, float]]]:
    """The network and its average after `steps` steps, and the figures of each."""
    model = compute_config.place(small_network(frozen))
    with compute_config.devices.strategy.scope():
        optimizer = recipe.optimizer.build(1e-2)
        loss_scale = LossScale() if compute_config.dtype_policy == "mixed_float16" else None
    network = without_aux_heads(model)
    ema = clone_network(network, dtype_policy="float32")
    step = make_training_step(model, network, ema, optimizer, recipe, CLASS_WEIGHTS, compute_config, loss_scale)
    figures = []
    for images, labels in batches(steps):
        shown = step({"image": tf.constant(images), "label": tf.constant(labels)})
        figures.append({name: float(value) for name, value in shown.items()})
    return model, ema, figures


def largest_difference(models: tuple[keras.Model, ...], others: tuple[keras.Model, ...]) -> float:
    """Between any two weights that correspond."""
    return max(
        float(np.abs(weight - other).max())
        for model, another in zip(models, others, strict=True)
        for weight, other in zip(model.get_weights(), another.get_weights(), strict=True)
    )
