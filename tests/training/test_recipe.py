"""The paper's recipe against section 3.1's own words; the schedule by hand."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from contextnet_tf.errors import InputError
from contextnet_tf.training.plan import Poly
from contextnet_tf.training.recipe import PAPER, SHORT, Adam, RMSprop, get_recipe, recipe_names


def test_paper_recipe_is_section_3_1():
    assert PAPER.epochs == 1000
    assert PAPER.base_learning_rate == 0.045
    assert PAPER.power == 0.98
    assert PAPER.aux_weight == 0.4
    assert PAPER.batch_size == 16
    assert PAPER.augmentation.scale == (0.5, 2.0)
    assert PAPER.augmentation.flip
    assert isinstance(PAPER.optimizer, RMSprop)
    optimizer = PAPER.optimizer.build(Poly(0.045, 0.98, 10))
    assert isinstance(optimizer, keras.optimizers.RMSprop)
    assert (optimizer.rho, optimizer.momentum, optimizer.epsilon) == (0.9, 0.9, 1.0)


def test_rmsprop_has_epsilon_inside_the_root_and_the_rate_inside_the_momentum():
    optimizer = PAPER.optimizer.build(Poly(0.5, 1.0, 10**9))
    weight = keras.Variable([1.0])
    optimizer.apply([np.array([2.0], np.float32)], [weight])
    # Mean square 0.1 * 2^2 = 0.4; step 0.5 * 2 / sqrt(0.4 + 1) = 0.84515.
    np.testing.assert_allclose(weight, [1 - 0.84515425], rtol=1e-5)
    optimizer.apply([np.array([2.0], np.float32)], [weight])
    # Mean square 0.9 * 0.4 + 0.4 = 0.76; momentum 0.9 * 0.84515 + 0.5 * 2 / sqrt(1.76) = 1.51442.
    np.testing.assert_allclose(weight, [1 - 0.84515425 - 1.51441724], rtol=1e-5)


def test_poly_schedule():
    schedule = Poly(base=0.045, power=0.98, steps=4)
    # 0.045 * (1 - k/4) ** 0.98 for k = 0, 1, 2, 3, 4.
    expected = [0.045, 0.033944694, 0.022814163, 0.011566308, 0.0]
    np.testing.assert_allclose([schedule(k) for k in range(5)], expected, rtol=1e-5)


def test_warm_up_rises_linearly():
    schedule = Poly(base=1.0, power=0.0, steps=100, warmup_steps=3)
    np.testing.assert_allclose([schedule(k) for k in range(5)], [0.25, 0.5, 0.75, 1.0, 1.0], rtol=1e-6)


def test_unknown_recipe():
    assert recipe_names() == ["paper", "modern", "short", "smoke"]
    with pytest.raises(InputError, match="unknown recipe 'long'; choose from paper, modern, short, smoke"):
        get_recipe("long")


def test_paper_recipe_leaves_the_crop_and_the_classes_as_they_are():
    assert PAPER.crop == "inside" and PAPER.class_uniform_fraction == 0 and PAPER.class_weight_exponent == 0


def test_a_crop_of_a_fixed_size_survives_json():
    fields = dataclasses.replace(SHORT, crop=(512, 1024)).to_json()
    assert fields["crop"] == [512, 1024] and json.loads(json.dumps(fields)) == fields


@pytest.mark.parametrize("name", recipe_names())
def test_recipe_survives_json(name):
    fields = get_recipe(name).to_json()
    assert json.loads(json.dumps(fields)) == fields
    assert fields["name"] == name


def test_later_fields_are_left_out_at_their_default():
    fields = SHORT.to_json()
    assert "copy_paste_fraction" not in fields and "gamma" not in fields["augmentation"]
    changed = dataclasses.replace(SHORT, class_weights="enet", augmentation=SHORT.augmentation.with_appearance(1))
    fields = changed.to_json()
    assert fields["class_weights"] == "enet" and fields["augmentation"]["noise"] == 0.04


def test_adam_leaves_its_weight_decay_to_the_training_step():
    optimizer = Adam().build(Poly(1e-3, 0.9, 10))
    assert type(optimizer) is keras.optimizers.Adam and optimizer.weight_decay is None
    assert Adam().coupled_weight_decay == 2e-4
