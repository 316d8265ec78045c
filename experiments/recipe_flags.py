"""The flags that change a recipe, and the changed recipe."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from absl import flags

from contextnet_tf.errors import InputError
from contextnet_tf.training.recipe import CLASS_WEIGHTS, Recipe, new_optimizer, optimizer_names

# Without a value each leaves the recipe as it is; `Recipe` refuses values out of range.
flags.DEFINE_integer(
    "epochs", None, "Passes over the training images. Default: the recipe's.", lower_bound=1, upper_bound=1_000_000
)
flags.DEFINE_integer(
    "batch_size", None, "Images per step, of all devices. Default: the recipe's.", lower_bound=1, upper_bound=65_536
)
flags.DEFINE_float("learning_rate", None, "Peak learning rate. Default: the recipe's.", lower_bound=0, upper_bound=1000)
flags.DEFINE_float(
    "warmup_epochs",
    None,
    "Epochs of linear warm-up of the learning rate. Default: the recipe's.",
    lower_bound=0,
    upper_bound=1_000_000,
)
flags.DEFINE_enum(
    "optimizer",
    None,
    optimizer_names(),
    "Optimizer with its default settings. Set --learning_rate too: the recipe's suits its own optimizer. Default: the "
    "recipe's.",
)
flags.DEFINE_float(
    "weight_decay",
    None,
    "Weight decay: decoupled for adamw, added to the gradient (coupled) for adam and rmsprop; 0: none. "
    "Default: the recipe's.",
    lower_bound=0,
    upper_bound=10,
)
flags.DEFINE_float(
    "aux_weight", None, "Weight of the auxiliary loss; 0: none. Default: the recipe's.", lower_bound=0, upper_bound=100
)
flags.DEFINE_float(
    "batch_norm_momentum", None, "Momentum of the moving statistics, below 1. Default: the recipe's.", 0, 1
)
flags.DEFINE_bool("whole_images", False, "Train on whole images, padded to a size that the network accepts.")
flags.DEFINE_float(
    "min_scale", None, "Smallest random scale of an image. Default: the recipe's.", lower_bound=0.1, upper_bound=10
)
flags.DEFINE_float(
    "max_scale", None, "Largest random scale of an image. Default: the recipe's.", lower_bound=0.1, upper_bound=10
)
flags.DEFINE_float(
    "color_jitter",
    None,
    "Strength of the random changes of brightness, contrast, saturation and hue, as a factor on the recipe's; 0: none. "
    "Default: 1.",
    lower_bound=0,
    upper_bound=10,
)
flags.DEFINE_float(
    "appearance",
    None,
    "Strength of random gamma, blur, noise and shadows: 0: none, 1: strong. Default: the recipe's, none.",
    lower_bound=0,
    upper_bound=3,
)
flags.DEFINE_float(
    "copy_paste_fraction",
    None,
    "Fraction of samples into which pixels of a rare class of another image are pasted. Default: the recipe's, 0.",
    0,
    1,
)
flags.DEFINE_float(
    "class_uniform_fraction", None, "Fraction of samples centered on each class in turn. Default: the recipe's.", 0, 1
)
flags.DEFINE_float(
    "class_weight_exponent",
    None,
    "Weight of a pixel in the loss: its class's frequency to the power of minus this; 0: no class weights. Default: "
    "the recipe's.",
    lower_bound=0,
    upper_bound=10,
)
flags.DEFINE_enum(
    "class_weights",
    None,
    CLASS_WEIGHTS,
    "Class weights: frequency (see --class_weight_exponent), or enet: 1 / ln(1.10 + frequency). Default: the recipe's.",
)
flags.DEFINE_float(
    "ohem_threshold",
    None,
    "OHEM: the loss includes only pixels whose true class has a lower probability than this; 1: all pixels. Default: "
    "the recipe's.",
    0,
    1,
)
flags.DEFINE_float(
    "label_smoothing", None, "Fraction of the label spread evenly over all classes. Default: the recipe's.", 0, 1
)
flags.DEFINE_float(
    "ema_decay",
    None,
    "Decay of the exponential moving average (EMA) of the weights; 0: no EMA. Default: the recipe's.",
    0,
    1,
)
flags.DEFINE_integer(
    "bn_recalibration_batches",
    None,
    "Training batches to recompute the batch-normalization statistics on before each validation; 0: none. "
    "Default: the recipe's.",
    lower_bound=0,
    upper_bound=1_000_000,
)
flags.disclaim_key_flags()

FLAGS = (
    "epochs", "batch_size", "learning_rate", "warmup_epochs", "optimizer", "weight_decay", "aux_weight",
    "batch_norm_momentum", "whole_images", "min_scale", "max_scale", "color_jitter", "appearance",
    "copy_paste_fraction", "class_uniform_fraction", "class_weight_exponent", "class_weights",
    "ohem_threshold", "label_smoothing", "ema_decay", "bn_recalibration_batches",
)  # fmt: skip


def given_changes() -> dict[str, Any]:
    """The values of the flags that were given, by name, as `changed` takes them."""
    own = [flags.FLAGS[name] for name in FLAGS]
    return {flag.name: flag.value for flag in own if flag.value != flag.default}


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """`recipe` with `changes`: values by the names of the flags. The rest stays.

    Raises:
      InputError: a value is out of range, or the smallest scale is larger than the largest.
    """
    fields = dict(changes)
    low, high = recipe.augmentation.scale
    low, high = fields.pop("min_scale", low), fields.pop("max_scale", high)
    if low > high:
        raise InputError(f"the scales go from {low} to {high}; give --min_scale and --max_scale the other way round")
    augmentation = recipe.augmentation.with_color_jitter(fields.pop("color_jitter", 1))
    if "appearance" in fields:
        augmentation = augmentation.with_appearance(fields.pop("appearance"))
    fields["augmentation"] = dataclasses.replace(augmentation, scale=(low, high))
    optimizer = recipe.optimizer
    if "optimizer" in fields:
        optimizer = new_optimizer(fields["optimizer"], like=optimizer)
    if "weight_decay" in fields:
        optimizer = optimizer.with_weight_decay(fields.pop("weight_decay"))
    fields["optimizer"] = optimizer
    if "learning_rate" in fields:
        fields["base_learning_rate"] = fields.pop("learning_rate")
    if fields.pop("whole_images", False):
        fields["crop"] = "whole"
    return dataclasses.replace(recipe, **fields)
