"""The flags that change a recipe, and the changed recipe."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from absl import flags

from contextnet_tf.errors import InputError
from contextnet_tf.training.recipe import (
    CLASS_WEIGHTS,
    Recipe,
    get_recipe,
    new_optimizer,
    optimizer_names,
    recipe_names,
)
from experiments import common_flags


def _default(value: Callable[[Recipe], Any]) -> str:
    """The default of a flag in words: the value of all recipes, or that of each."""
    shown = {name: value(get_recipe(name)) for name in recipe_names()}
    shown = {name: x if isinstance(x, str) else f"{x:g}" for name, x in shown.items()}
    if len(set(shown.values())) == 1:
        return f"Default: {shown.popitem()[1]}."
    return f"Default by recipe: {', '.join(f'{name} {x}' for name, x in shown.items())}."


# Without a value each leaves the recipe as it is; `Recipe` refuses values out of range.
flags.DEFINE_integer("epochs", None, f"Passes over the training images. {_default(lambda x: x.epochs)}", 1, 1_000_000)
flags.DEFINE_integer(
    "batch_size", None, f"Images per step, over all devices. {_default(lambda x: x.batch_size)}", 1, 65_536
)
flags.DEFINE_float("learning_rate", None, f"Peak learning rate. {_default(lambda x: x.base_learning_rate)}", 0, 1000)
flags.DEFINE_float(
    "warmup_epochs",
    None,
    f"Epochs of linear warm-up of the learning rate. {_default(lambda x: x.warmup_epochs)}",
    0,
    1_000_000,
)
flags.DEFINE_enum(
    "optimizer",
    None,
    optimizer_names(),
    "Optimizer, with its default settings; set --learning_rate to suit it. "
    f"{_default(lambda x: type(x.optimizer).__name__.lower())}",
)
flags.DEFINE_float(
    "weight_decay",
    None,
    "Weight decay, decoupled for adamw, added to the gradient (L2) for adam and rmsprop; 0: none. "
    f"{_default(lambda x: getattr(x.optimizer, 'weight_decay', x.optimizer.coupled_weight_decay))}",
    0,
    10,
)
flags.DEFINE_float(
    "aux_weight", None, f"Weight of the auxiliary head's loss; 0: none. {_default(lambda x: x.aux_weight)}", 0, 100
)
flags.DEFINE_float(
    "batch_norm_momentum",
    None,
    f"Momentum of batch normalization's moving statistics, below 1. {_default(lambda x: x.batch_norm_momentum)}",
    0,
    1,
)
flags.DEFINE_bool(
    "whole_images", False, "Train on whole images instead of crops, padded to a size that the network accepts."
)
flags.DEFINE_float(
    "min_scale",
    None,
    f"Smallest random scale factor of an image. {_default(lambda x: x.augmentation.scale[0])}",
    0.1,
    10,
)
flags.DEFINE_float(
    "max_scale",
    None,
    f"Largest random scale factor of an image. {_default(lambda x: x.augmentation.scale[1])}",
    0.1,
    10,
)
flags.DEFINE_float(
    "color_jitter",
    None,
    "Factor on the recipe's random changes of brightness, contrast, saturation and hue; 0: none. Default: 1.",
    0,
    10,
)
flags.DEFINE_float(
    "white_balance",
    None,
    "Random factors of red and of blue, each from e ** -x to e ** x for the given x; 0: none, 0.3: strong. Default: 0.",
    0,
    2,
)
flags.DEFINE_float(
    "appearance", None, "Strength of random gamma, blur, noise and shadows; 0: none, 1: strong. Default: 0.", 0, 3
)
flags.DEFINE_float(
    "copy_paste_fraction",
    None,
    "Fraction of samples into which a rare class's pixels from another image are pasted. "
    f"{_default(lambda x: x.copy_paste_fraction)}",
    0,
    1,
)
flags.DEFINE_float(
    "class_uniform_fraction",
    None,
    "Fraction of samples whose crop is centered on a chosen class, each class in turn. "
    f"{_default(lambda x: x.class_uniform_fraction)}",
    0,
    1,
)
flags.DEFINE_float(
    "class_weight_exponent",
    None,
    "Exponent x of the class weights in the loss, frequency ** -x; 0: none. "
    f"{_default(lambda x: x.class_weight_exponent)}",
    0,
    10,
)
flags.DEFINE_enum(
    "class_weights",
    None,
    CLASS_WEIGHTS,
    "Formula of the class weights: frequency ** -x (see --class_weight_exponent), or enet, 1 / ln(1.10 + frequency). "
    f"{_default(lambda x: x.class_weights)}",
)
flags.DEFINE_float(
    "ohem_threshold",
    None,
    "Online hard example mining (OHEM): the loss includes only pixels whose true class has a lower probability than "
    f"this; 1: all pixels. {_default(lambda x: x.ohem_threshold)}",
    0,
    1,
)
flags.DEFINE_float(
    "label_smoothing",
    None,
    f"Fraction of each label spread evenly over all classes; 0: none. {_default(lambda x: x.label_smoothing)}",
    0,
    1,
)
flags.DEFINE_float(
    "ema_decay",
    None,
    "Decay of the exponential moving average (EMA) of the weights, which is validated and kept; 0: no EMA. "
    f"{_default(lambda x: x.ema_decay)}",
    0,
    1,
)
flags.DEFINE_integer(
    "bn_recalibration_batches",
    None,
    "Training batches on which batch-normalization statistics are recomputed before each validation; 0: none. "
    f"{_default(lambda x: x.bn_recalibration_batches)}",
    0,
    1_000_000,
)
flags.disclaim_key_flags()

FLAGS = (
    "epochs", "batch_size", "learning_rate", "warmup_epochs", "optimizer", "weight_decay", "aux_weight",
    "batch_norm_momentum", "whole_images", "min_scale", "max_scale", "color_jitter", "white_balance", "appearance",
    "copy_paste_fraction", "class_uniform_fraction", "class_weight_exponent", "class_weights",
    "ohem_threshold", "label_smoothing", "ema_decay", "bn_recalibration_batches",
)  # fmt: skip


def given_changes() -> dict[str, Any]:
    """The values of the flags that were given, by name, as `changed` takes them.

    Raises:
      InputError: one of them has no effect beside another.
    """
    own = [flags.FLAGS[name] for name in FLAGS]
    given = {flag.name: flag.value for flag in own if flag.value != flag.default}
    if given.get("class_weights") == "enet" and given.get("class_weight_exponent"):
        raise InputError("--class_weight_exponent has no effect with --class_weights=enet; leave one out")
    return given


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """`recipe` with `changes`: values by the names of the flags. The rest stays.

    Raises:
      InputError: a value is out of range, or the smallest scale is larger than the largest.
    """
    fields = dict(changes)
    low, high = recipe.augmentation.scale
    low, high = fields.pop("min_scale", low), fields.pop("max_scale", high)
    if low > high:
        raise InputError(f"--min_scale ({low:g}) is above --max_scale ({high:g}); lower the one or raise the other")
    augmentation = recipe.augmentation.with_color_jitter(fields.pop("color_jitter", 1))
    if "white_balance" in fields:
        augmentation = dataclasses.replace(augmentation, white_balance=fields.pop("white_balance"))
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


def given_crop() -> tuple[int, int] | None:
    """The crop size (height, width) by the flags; None where it was not given.

    Raises:
      InputError: only one of height and width was given, or both and --whole_images.
    """
    crop_size = common_flags.given_size("crop_height", "crop_width")
    if crop_size and given_changes().get("whole_images"):
        raise InputError("--whole_images and --crop_height cannot be combined; choose one")
    return crop_size
