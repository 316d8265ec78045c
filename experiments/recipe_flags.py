"""The flags that change a recipe, and the recipe that comes of them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from absl import flags

from contextnet_tf.errors import InputError
from contextnet_tf.training.recipe import Recipe

flags.DEFINE_integer("epochs", None, "Passes over the training images. Default: the recipe's.", lower_bound=1)
flags.DEFINE_integer("batch_size", None, "Images in a step. Default: the recipe's.", lower_bound=1)
flags.DEFINE_bool("whole_images", False, "Train on whole images with a border up to what the network takes.")
flags.DEFINE_float("min_scale", None, "Smallest random scale. Default: the recipe's.", lower_bound=0.1, upper_bound=10)
flags.DEFINE_float("max_scale", None, "Largest random scale. Default: the recipe's.", lower_bound=0.1, upper_bound=10)
flags.DEFINE_float("color_jitter", None, "Factor on the recipe's changes of color: 0.5 halves them.", lower_bound=0)
flags.DEFINE_float(
    "class_uniform_fraction", None, "Share of samples centered on each class in turn. Default: the recipe's.", 0, 1
)
flags.DEFINE_float(
    "class_weight_exponent",
    None,
    "A class counts with frequency ** -this in the loss. Default: the recipe's.",
    lower_bound=0,
)
flags.DEFINE_float(
    "ohem_threshold", None, "Pixels count whose true class has a smaller probability. Default: the recipe's.", 0, 1
)
flags.DEFINE_float("label_smoothing", None, "Share of the truth spread over all classes. Default: the recipe's.", 0, 1)
flags.DEFINE_float("ema_decay", None, "Decay of the averaged weights; 0: none. Default: the recipe's.", 0, 1)
flags.DEFINE_integer(
    "bn_recalibration_batches", None, "Batches to measure an average's batch statistics on. Default: the recipe's.", 0
)
flags.DEFINE_float("weight_decay", None, "Of the optimizer; 0: none. Default: the recipe's.", lower_bound=0)
flags.disclaim_key_flags()

FLAGS = (
    "epochs", "batch_size", "whole_images", "min_scale", "max_scale", "color_jitter", "class_uniform_fraction", "class_weight_exponent",
    "ohem_threshold", "label_smoothing", "ema_decay", "bn_recalibration_batches", "weight_decay",
)  # fmt: skip


def given_changes() -> dict[str, Any]:
    """What the flags say, as `changed` takes it: only those that say something."""
    own = [flags.FLAGS[name] for name in FLAGS]
    return {flag.name: flag.value for flag in own if flag.value != flag.default}


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """`recipe` with `changes`: values by the names of the flags. What is not named stays.

    Raises:
      InputError: the smallest scale would be larger than the largest.
    """
    fields = dict(changes)
    low, high = recipe.augmentation.scale
    low, high = fields.pop("min_scale", low), fields.pop("max_scale", high)
    if low > high:
        raise InputError(f"the scales go from {low} to {high}; give --min_scale and --max_scale the other way round")
    fields["augmentation"] = dataclasses.replace(
        recipe.augmentation.with_color_jitter(fields.pop("color_jitter", 1)), scale=(low, high)
    )
    if "weight_decay" in fields:
        fields["optimizer"] = recipe.optimizer.with_weight_decay(fields.pop("weight_decay"))
    if fields.pop("whole_images", False):
        fields["crop"] = "whole"
    return dataclasses.replace(recipe, **fields)
