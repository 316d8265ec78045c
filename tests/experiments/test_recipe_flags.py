"""The flags that change a recipe: what each of them changes, and that it changes nothing else."""

import dataclasses

import pytest
from absl import flags
from absl.testing import flagsaver
from hypothesis import given
from hypothesis import strategies as st

from contextnet_tf.datasets.augment import Augmentation
from contextnet_tf.errors import InputError
from contextnet_tf.training.recipe import MODERN, PAPER, Adam, AdamW, RMSprop, get_recipe, recipe_names
from experiments import recipe_flags
from experiments.recipe_flags import changed, given_changes

# Another value than MODERN's for each flag.
CHANGES = {
    "epochs": 7, "batch_size": 3, "whole_images": True, "min_scale": 0.5, "max_scale": 1.5, "color_jitter": 0.5,
    "class_uniform_fraction": 0.25, "class_weight_exponent": 0.0, "ohem_threshold": 1.0, "label_smoothing": 0.125,
    "ema_decay": 0.0, "bn_recalibration_batches": 0, "weight_decay": 0.0, "learning_rate": 0.125, "warmup_epochs": 2.5,
    "optimizer": "rmsprop", "aux_weight": 0.25, "batch_norm_momentum": 0.5,
    "white_balance": 0.25, "appearance": 0.5, "copy_paste_fraction": 0.25, "class_weights": "enet",
}  # fmt: skip


def test_all_flags_at_once():
    assert changed(MODERN, CHANGES) == dataclasses.replace(
        MODERN,
        epochs=7,
        batch_size=3,
        crop="whole",
        augmentation=Augmentation(
            scale=(0.5, 1.5),
            brightness=0.05,
            contrast=0.125,
            saturation=0.125,
            hue=0.015,
            white_balance=0.25,
            gamma=0.25,
            blur=0.4,
            noise=0.02,
            shadow=0.3,
        ),
        copy_paste_fraction=0.25,
        class_weights="enet",
        class_uniform_fraction=0.25,
        class_weight_exponent=0.0,
        ohem_threshold=1.0,
        label_smoothing=0.125,
        ema_decay=0.0,
        bn_recalibration_batches=0,
        base_learning_rate=0.125,
        warmup_epochs=2.5,
        optimizer=RMSprop(coupled_weight_decay=0.0),
        aux_weight=0.25,
        batch_norm_momentum=0.5,
    )
    assert set(CHANGES) == set(recipe_flags.FLAGS)


def test_weight_decay_is_that_of_the_optimizer():
    assert changed(PAPER, {"weight_decay": 0.25}).optimizer == RMSprop(coupled_weight_decay=0.25)
    assert changed(MODERN, {"weight_decay": 0.25}).optimizer == AdamW(weight_decay=0.25, coupled_weight_decay=0.0)


@pytest.mark.parametrize("name", recipe_names())
def test_without_flags_a_recipe_stays(name):
    with flagsaver.flagsaver():
        flags.FLAGS(["train"])
        assert given_changes() == {}
    assert changed(get_recipe(name), {}) == get_recipe(name)


def test_zero_and_false_are_told_apart_from_nothing():
    with flagsaver.flagsaver():
        flags.FLAGS(
            [
                "train",
                "--class_weight_exponent=0",
                "--bn_recalibration_batches=0",
                "--nowhole_images",
                "--ema_decay=0.5",
            ]
        )
        assert given_changes() == {"class_weight_exponent": 0.0, "bn_recalibration_batches": 0, "ema_decay": 0.5}


def test_a_flag_without_effect_beside_another_is_refused():
    with flagsaver.flagsaver():
        flags.FLAGS(["train", "--class_weights=enet", "--class_weight_exponent=0.5"])
        with pytest.raises(InputError, match="--class_weight_exponent has no effect with --class_weights=enet; leave"):
            given_changes()


@given(st.sets(st.sampled_from(sorted(CHANGES))))
def test_each_flag_changes_its_own_part(names):
    if "weight_decay" in names:
        names = names | {"optimizer"}  # given later, it would bring its own weight decay
    first = {name: CHANGES[name] for name in names}
    others = {name: value for name, value in CHANGES.items() if name not in names}
    assert changed(changed(MODERN, first), others) == changed(MODERN, CHANGES)
    assert (changed(MODERN, first) == MODERN) == (not names)


def test_an_optimizer_of_the_same_kind_keeps_its_settings():
    assert changed(MODERN, {"optimizer": "adamw"}) == MODERN
    assert changed(PAPER, {"optimizer": "rmsprop"}) == PAPER
    assert changed(MODERN, {"optimizer": "rmsprop"}).optimizer == RMSprop()
    assert changed(PAPER, {"optimizer": "adamw"}).optimizer == AdamW()
    assert changed(MODERN, {"optimizer": "adam", "weight_decay": 0.25}).optimizer == Adam(coupled_weight_decay=0.25)
    with pytest.raises(InputError, match="`optimizer=sgd` is unknown; choose from rmsprop, adamw"):
        changed(PAPER, {"optimizer": "sgd"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": float("nan")}, "`learning_rate=nan` is out of range; it must be more than 0"),
        ({"learning_rate": 0.0}, "`learning_rate=0.0` is out of range; it must be more than 0"),
        ({"learning_rate": float("inf")}, "`learning_rate=inf` is out of range"),
        ({"aux_weight": -1.0}, "`aux_weight=-1.0` is out of range; it must be at least 0"),
        ({"ohem_threshold": 0.0}, "`ohem_threshold=0.0` is out of range; it must be more than 0 and at most 1"),
        ({"batch_norm_momentum": 1.0}, "`batch_norm_momentum=1.0` is out of range; it must be from 0 to less than 1"),
        ({"label_smoothing": 1.5}, "`label_smoothing=1.5` is out of range; it must be from 0 to 1"),
        ({"class_weights": "mfb"}, "`class_weights=mfb` is unknown; choose from frequency, enet"),
        ({"copy_paste_fraction": 1.5}, "`copy_paste_fraction=1.5` is out of range; it must be from 0 to 1"),
        ({"epochs": 0}, "`epochs=0` is out of range; it must be at least 1"),
    ],
    ids=str,
)
def test_values_out_of_range(changes, message):
    with pytest.raises(InputError, match=message):
        changed(MODERN, changes)


def test_scales_the_wrong_way_round():
    with pytest.raises(
        InputError, match=r"--min_scale \(3\) is above --max_scale \(2\); lower the one or raise the other"
    ):
        changed(MODERN, {"min_scale": 3.0})
