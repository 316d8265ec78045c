"""Shadow, gamma, blur and noise, each alone against what it must and must not change."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from contextnet_tf.datasets.appearance import vary_appearance
from contextnet_tf.datasets.augmentation import Augmentation

SEEDS = [(0, number) for number in range(8)]


def varied(image, seed, **ranges):
    ranges = dataclasses.replace(Augmentation(), **ranges)
    return vary_appearance(tf.constant(image, tf.float32), tf.constant(seed, tf.int32), ranges).numpy()


def images():
    return np.random.default_rng(0).random((24, 32, 3), np.float32)


def test_strength_1_is_visible_and_0_is_off():
    image = images()
    strong = dataclasses.asdict(Augmentation().with_appearance(1.0))
    names = ("gamma", "blur", "noise", "shadow")
    assert [strong[name] for name in names] == [0.5, 0.8, 0.04, 0.6]
    assert not Augmentation().varies_appearance and Augmentation().with_appearance(1).varies_appearance
    assert Augmentation().with_appearance(0) == Augmentation()
    np.testing.assert_array_equal(varied(image, (1, 2)), image)
    changed = varied(image, (1, 2), **{name: strong[name] for name in names})
    assert changed.min() >= 0 and changed.max() <= 1 and np.abs(changed - image).mean() > 0.02
    np.testing.assert_array_equal(changed, varied(image, (1, 2), **{name: strong[name] for name in names}))


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_gamma_is_one_exponent_for_all_pixels(seed):
    image = np.clip(images(), 0.05, 0.95)
    exponents = np.log(varied(image, seed, gamma=0.5)) / np.log(image)
    assert np.ptp(exponents) < 1e-3 and np.exp(-0.5) <= exponents.mean() <= np.exp(0.5)


def test_gamma_brightens_and_darkens():
    exponents = [np.log(varied([[[0.5] * 3]], (0, n), gamma=0.5)[0, 0, 0]) / np.log(0.5) for n in range(32)]
    # From exp(-0.5) to exp(0.5).
    assert 0.606 <= min(exponents) < 0.8 and 1.25 < max(exponents) <= 1.649


@pytest.mark.parametrize(("widest", "seed"), [(0.8, SEEDS[0]), (0.8, SEEDS[1]), (2.0, SEEDS[2])])
def test_blur_keeps_the_mean_and_spreads_a_point(widest, seed):
    point = np.zeros((25, 25, 3), np.float32)
    point[12, 12] = 1
    spread = varied(point, seed, blur=widest)
    np.testing.assert_allclose(spread.sum((0, 1)), 1, rtol=1e-5)
    offsets = np.arange(25) - 12
    variances = [(spread[..., 0].sum(axis) * offsets**2).sum() for axis in (0, 1)]
    assert variances[0] == pytest.approx(variances[1], rel=1e-4) and 0 < variances[0] <= widest**2
    assert spread.min() >= 0
    flat = np.full((5, 7, 3), 0.3, np.float32)  # also at the edges
    np.testing.assert_allclose(varied(flat, seed, blur=widest), flat, rtol=1e-6)


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_noise_has_no_mean_and_at_most_its_deviation(seed):
    gray = np.full((64, 64, 3), 0.5, np.float32)
    noise = varied(gray, seed, noise=0.04) - gray
    assert abs(noise.mean()) < 2e-3 and 0 < noise.std() <= 0.041
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.06


def test_the_strongest_noise_has_the_deviation_asked_for():
    gray = np.full((64, 64, 3), 0.5, np.float32)
    deviations = [(varied(gray, (0, n), noise=0.04) - gray).std() for n in range(32)]
    assert 0.037 < max(deviations) <= 0.0405


def test_a_shadow_darkens_a_part_by_at_most_its_share():
    gray = np.full((48, 64, 3), 0.5, np.float32)
    shares = []
    for seed in SEEDS:
        light = varied(gray, seed, shadow=0.6)[..., 0] / 0.5
        assert 0.4 - 1e-6 <= light.min() and light.max() <= 1 + 1e-6
        shares.append((light < 1 - 1e-6).mean())
    assert min(shares) < 0.5 < max(shares) or 0.1 < np.mean(shares) < 0.9
    assert len(set(shares)) == len(SEEDS)
