"""Rare objects pasted into samples: which classes, how often, which pixels."""

import dataclasses
from collections import Counter

import cv2
import numpy as np
import pytest
import tensorflow as tf

from contextnet_tf.datasets import pipeline, statistics
from contextnet_tf.datasets.augmentation import Augmentation
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.copy_paste import CopyPaste, donor, paste, rare_places
from contextnet_tf.datasets.sampling import ClassUniform
from contextnet_tf.datasets.statistics import class_statistics
from contextnet_tf.errors import InputError
from contextnet_tf.training.plan import TrainingPlan
from contextnet_tf.training.recipe import SMOKE

CAMVID = get_dataset("camvid")
UNCHANGED = Augmentation((1.0, 1.0), flip=False).with_color_jitter(0)
# Class 1 has two places, class 3 one, class 0 three, class 2 none.
PLACES = ClassUniform(
    share=1.0,
    examples=np.array([0, 1, 2, 4, 5, 6]),
    centers=np.arange(12, dtype=np.int32).reshape(6, 2),
    first=np.array([0, 3, 5, 5]),
    counts=np.array([3, 2, 0, 1]),
)


def test_rare_is_below_half_of_an_even_share():
    # Even: 250 of 1,000 pixels each; rare: below 125.
    np.testing.assert_array_equal(rare_places(PLACES, np.array([760, 124, 0, 116])).counts, [0, 2, 0, 1])
    np.testing.assert_array_equal(rare_places(PLACES, np.array([750, 125, 0, 125 - 1])).counts, [0, 0, 0, 1])
    with pytest.raises(InputError, match="`copy_paste_fraction`: no class is rare"):
        rare_places(PLACES, np.array([250, 250, 250, 250]))


def test_rare_classes_take_turns_and_places_are_used_alike():
    places = rare_places(PLACES, np.array([900, 50, 0, 50]))
    drawn = [
        tuple(int(x) for x in (d[0], d[2])) for d in (donor(tf.constant(k, tf.int64), 3, places) for k in range(8))
    ]
    assert Counter(drawn) == {(4, 1): 2, (5, 1): 2, (6, 3): 4}
    assert all({a[1], b[1]} == {1, 3} for a, b in zip(drawn[::2], drawn[1::2], strict=True))


def test_only_the_class_is_pasted_and_ignored_pixels_stay():
    image, donor_image = np.zeros((1, 4, 3), np.float32), np.ones((1, 4, 3), np.float32)
    label, donor_label = np.array([[0, 0, 255, 2]], np.uint8), np.array([[5, 4, 5, 5]], np.uint8)
    image, label = paste(*map(tf.constant, (image, label, donor_image, donor_label)), train_id=tf.constant(5, tf.int64))
    np.testing.assert_array_equal(label, [[5, 0, 255, 5]])
    np.testing.assert_array_equal(image[0, :, 0], [1, 0, 0, 1])


@pytest.fixture
def examples(camvid_dir):
    """Six images of gray 20 i + 10; 0 to 4 are all road (3), image 5 has a car (8) of 16 x 16 pixels."""
    for i in range(6):
        label = np.full((64, 96), 3, np.uint8)
        if i == 5:
            label[24:40, 40:56] = 8
        cv2.imwrite(str(camvid_dir / "trainannot" / f"p{i}.png"), label)
    return CAMVID.list_examples(camvid_dir, "train")


def samples(examples, fraction, **plan):
    counts, places = class_statistics(CAMVID, examples, share=1.0, tile_size=(64, 96))
    copy_paste = CopyPaste(fraction, rare_places(places, counts)) if fraction else None
    plan = {"augmentation": UNCHANGED, "batch_size": 2, "first_step": 0, "last_step": 12, **plan}
    batches = pipeline.training_batches(CAMVID, examples, crop_size=(32, 32), seed=1, copy_paste=copy_paste, **plan)
    return [(i, x) for batch in batches for i, x in zip(batch["image"].numpy(), batch["label"].numpy(), strict=True)]


def test_pasted_samples_show_the_car_with_its_own_pixels(examples):
    plain, pasted = samples(examples, 0), samples(examples, 1.0)
    for (image, label), (other_image, other_label) in zip(plain, pasted, strict=True):
        car = other_label == 8
        assert car.sum() >= 256  # centered on the car, so whole
        assert (np.abs(other_image[car] - 110 / 255) < 1e-6).all()
        np.testing.assert_array_equal(other_image[~car], image[~car])
        np.testing.assert_array_equal(other_label[~car], label[~car])


def test_a_fraction_is_pasted_and_a_run_that_resumes_sees_the_same(examples):
    plain, some = samples(examples, 0), samples(examples, 0.5)
    changed = [(a[1] != b[1]).any() for a, b in zip(plain, some, strict=True)]
    assert 4 <= sum(changed) <= 20
    for (image, label), (other_image, other_label) in zip(
        some[6:10], samples(examples, 0.5, first_step=3, last_step=5), strict=True
    ):
        np.testing.assert_array_equal(image, other_image)
        np.testing.assert_array_equal(label, other_label)


def test_a_recipe_pastes_and_weighs(examples):
    recipe = dataclasses.replace(SMOKE, copy_paste_fraction=0.5, class_weights="enet", class_weight_exponent=0.0)
    plan = TrainingPlan(recipe, CAMVID, examples, [], (32, 32), 0)
    sampling = plan.sampling()
    assert sampling.class_uniform is None and sampling.copy_paste.fraction == 0.5
    assert np.flatnonzero(sampling.copy_paste.places.counts).tolist() == [8]
    assert len(list(plan.batches(0, 1, sampling, None))) == 1
    # Road has 36,608 of 36,864 pixels, the car 256: 1 / ln(1.10 + p) is 1.35387 and 9.84218.
    weights = plan.class_weights()
    assert weights[8] / weights[3] == pytest.approx(9.84218 / 1.35387, rel=1e-3) and weights[0] == 0
    both = TrainingPlan(dataclasses.replace(recipe, class_uniform_fraction=0.25), CAMVID, examples, [], (32, 32), 0)
    assert both.sampling().class_uniform.share == 0.25
    neither = TrainingPlan(dataclasses.replace(SMOKE, class_weight_exponent=0.0), CAMVID, examples, [], (32, 32), 0)
    assert neither.sampling() == (None, None) and neither.class_weights() is None


def test_a_recipe_reads_every_label_once(examples, monkeypatch):
    read = []
    real = statistics.read_label
    monkeypatch.setattr(statistics, "read_label", lambda path, dataset: read.append(path) or real(path, dataset))
    recipe = dataclasses.replace(SMOKE, copy_paste_fraction=0.5, class_uniform_fraction=0.5, class_weight_exponent=0.5)
    plan = TrainingPlan(recipe, CAMVID, examples, [], (32, 32), 0)
    assert plan.class_weights() is not None and None not in plan.sampling()
    assert sorted(read) == [example.label_path for example in examples]


def test_appearance_changes_images_alone_and_is_a_function_of_the_sample(examples):
    plain, varied = samples(examples, 0), samples(examples, 0, augmentation=UNCHANGED.with_appearance(1))
    assert all((a[1] == b[1]).all() for a, b in zip(plain, varied, strict=True))
    assert all((a[0] != b[0]).any() for a, b in zip(plain, varied, strict=True))
    again = samples(examples, 0, augmentation=UNCHANGED.with_appearance(1), first_step=5, last_step=6)
    np.testing.assert_array_equal(again[1][0], varied[11][0])
