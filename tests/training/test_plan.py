"""Steps and validations of a run, counted by hand."""

import dataclasses

import pytest

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.training.plan import TrainingPlan
from contextnet_tf.training.recipe import SMOKE


def _plan(images, **changes):
    recipe = dataclasses.replace(SMOKE, **changes)
    return TrainingPlan(recipe, get_dataset("camvid"), [None] * images, [None] * 4, (180, 240), 0)


@pytest.mark.parametrize(
    ("images", "changes", "steps", "validated"),
    [
        (6, {"epochs": 4, "batch_size": 3, "validation_epochs": 2}, 8, [4, 8]),
        (6, {"epochs": 5, "batch_size": 3, "validation_epochs": 2}, 10, [4, 8, 10]),
        # An epoch of 2.5 steps is completed within the third.
        (5, {"epochs": 3, "batch_size": 2, "validation_epochs": 1}, 7, [3, 5, 7]),
        (6, {"epochs": 1, "batch_size": 3, "validation_epochs": 9}, 2, [2]),
    ],
)
def test_validations(images, changes, steps, validated):
    plan = _plan(images, **changes)
    assert plan.steps == steps
    assert [step for step in range(1, steps + 1) if plan.is_validated(step)] == validated
    for step in range(steps + 1):
        assert plan.validations_after(step) == len([other for other in validated if other > step])


def test_a_validation_is_guessed_from_its_pixels():
    # 4 images of 360 x 480 against 2 of a quarter of that, and no way back: 8 / 3.
    assert _plan(6, batch_size=2).validation_steps() == pytest.approx(8 / 3)


def test_a_warm_up_longer_than_the_run_is_a_warning():
    # 6 images, batches of 3: 2 steps an epoch. Rates 1/5, 2/5, 3/5 and 4/5 of 8e-3 * (1 - k/4), k = 0 to 3.
    plan = _plan(6, epochs=2, batch_size=3, warmup_epochs=2, base_learning_rate=8e-3, power=1.0)
    assert plan.warnings() == [
        "the warm-up of the learning rate takes 4 steps, the whole run 4: the rate reaches 0.0024 instead of 0.008; "
        "train for more epochs or set fewer warm-up epochs"
    ]
    assert _plan(6, epochs=2, batch_size=3, warmup_epochs=1.5).warnings() == []
    assert _plan(6, epochs=1, batch_size=6, warmup_epochs=0).warnings() == []  # a single step, as in tests
