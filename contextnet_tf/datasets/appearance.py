"""Augmentation of how an image was taken: shadow, gamma, blur and noise. Labels stay as they are.

Not in the paper, and off in all recipes. Images are float32 [H, W, 3] in [0, 1], seeds int32 [2]; the same image and
seed always give the same result.
"""

import math

import tensorflow as tf

from contextnet_tf.datasets.augmentation import Augmentation


def vary_appearance(image: tf.Tensor, seed: tf.Tensor, ranges: Augmentation) -> tf.Tensor:
    """Applies a shadow, gamma, blur and noise of random strength, in this order; a range of 0 leaves its change out."""
    shadow_seed, gamma_seed, blur_seed, noise_seed = tf.unstack(tf.random.split(seed, 4))
    if ranges.shadow:
        image = _shadowed(image, shadow_seed, ranges.shadow)
    if ranges.gamma:
        image **= tf.exp(tf.random.stateless_uniform([], gamma_seed, -ranges.gamma, ranges.gamma))
    if ranges.blur:
        image = _blurred(image, blur_seed, ranges.blur)
    if ranges.noise:
        image = _noisy(image, noise_seed, ranges.noise)
    return image


def _shadowed(image: tf.Tensor, seed: tf.Tensor, darkest: float) -> tf.Tensor:
    """Darkens a straight band of random place, angle and width by a random share, up to `darkest`."""
    height, width = tf.unstack(tf.cast(tf.shape(image)[:2], tf.float32))
    y, x, angle, reach, share = tf.unstack(tf.random.stateless_uniform([5], seed))
    rows = tf.range(height)[:, tf.newaxis] - y * height
    columns = tf.range(width)[tf.newaxis] - x * width
    distance = tf.abs(tf.cos(math.pi * angle) * columns + tf.sin(math.pi * angle) * rows)
    longest = tf.maximum(height, width)
    # The edge is soft over 2 % of the image, as the sun's shadows are at a distance.
    inside = tf.clip_by_value((0.4 * reach * longest - distance) / (0.02 * longest), 0.0, 1.0)
    return image * (1.0 - darkest * share * inside)[..., tf.newaxis]


def _blurred(image: tf.Tensor, seed: tf.Tensor, widest: float) -> tf.Tensor:
    """Blurs by a standard deviation of 0 to `widest` pixels: repeated averages of neighbors, along each axis."""
    deviation = tf.random.stateless_uniform([], seed, 0.0, widest)
    # A pass with the weights (a, 1 - 2 a, a) has the variance 2 a; above a = 1/3 the center would weigh least.
    passes = math.ceil(widest**2 / (2 / 3))
    share = deviation**2 / passes / 2.0
    for axis in (0, 1):
        for _ in range(passes):
            around = tf.pad(image, [[1, 1] if x == axis else [0, 0] for x in range(3)], mode="SYMMETRIC")
            before, after = (around[:-2], around[2:]) if axis == 0 else (around[:, :-2], around[:, 2:])
            image = (1.0 - 2.0 * share) * image + share * (before + after)
    return image


def _noisy(image: tf.Tensor, seed: tf.Tensor, strongest: float) -> tf.Tensor:
    """Adds uniform noise, independent at each value, of a standard deviation of 0 to `strongest`."""
    strength_seed, noise_seed = tf.unstack(tf.random.split(seed, 2))
    # Uniform numbers take a third of the time of normal ones; uniform in [-b, b] has the deviation b / sqrt(3).
    bound = math.sqrt(3.0) * tf.random.stateless_uniform([], strength_seed, 0.0, strongest)
    noise = bound * tf.random.stateless_uniform(tf.shape(image), noise_seed, -1.0, 1.0)
    return tf.clip_by_value(image + noise, 0.0, 1.0)
