"""Upsampling with arg-max must equal TensorFlow's dense way at every pixel, in NumPy and compiled."""

import importlib

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

from contextnet_tf.deployment import upsample
from contextnet_tf.deployment.upsample import upsample_argmax
from contextnet_tf.errors import InputError


@pytest.fixture(params=["upsample_numpy", "upsample_compiled"], scope="module", autouse=True)
def way(request):
    """Everything here is tested with each way, the compiled one where numba is installed."""
    if request.param == "upsample_compiled":
        pytest.importorskip("numba")
    module = importlib.import_module(f"contextnet_tf.deployment.{request.param}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upsample, "fastest_implementation", lambda: module.labels_of)
        yield


def dense(logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return tf.argmax(tf.image.resize(logits[None], size), axis=-1)[0].numpy().astype(np.uint8)


def ordinary(random, shape):
    return random.normal(size=shape) * 5


def tied(random, shape):
    return random.integers(0, 3, shape) * 0.7


def nearly_tied(random, shape):
    """Differences of a few rounding units, where rounding alone decides."""
    return 1 + random.integers(-4, 5, shape) * 2.0**-24


def clear_but_nearly_tied(random, shape):
    """Class 1 leads everywhere by one rounding unit over class 0; rounding makes some of it a tie."""
    logits = np.repeat(random.uniform(1, 100, (*shape[:2], 1)).astype(np.float32), shape[2], axis=2)
    logits[..., 1:] = np.nextafter(logits[..., 1:], np.float32(1000))
    return logits


def of_all_magnitudes(random, shape):
    return random.normal(size=shape) * 10.0 ** random.integers(-6, 7, shape)


def smooth(random, shape):
    """Large regions of one class, as a trained network's."""
    y, x = np.mgrid[: shape[0], : shape[1]][..., None] / 4
    phase = random.uniform(0, 6, (4, shape[2]))
    return np.sin(y * phase[0] + phase[1]) + np.cos(x * phase[2] + phase[3])


KINDS = [ordinary, tied, nearly_tied, clear_but_nearly_tied, of_all_magnitudes, smooth]


@hypothesis.settings(deadline=None, max_examples=150, derandomize=True)
@hypothesis.given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20)),
    size=st.tuples(st.integers(1, 80), st.integers(1, 80)),
)
def test_equals_dense_upsampling_for_any_size(kind, seed, shape, size):
    logits = kind(np.random.default_rng(seed), shape).astype(np.float32)
    np.testing.assert_array_equal(upsample_argmax(logits, size), dense(logits, size))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("factor", [1, 2, 3, 4, 7, 8, 16])
def test_equals_dense_upsampling_for_whole_factors(kind, factor):
    logits = kind(np.random.default_rng(factor), (24, 33, 19)).astype(np.float32)
    labels = upsample_argmax(logits, factor)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, dense(logits, (24 * factor, 33 * factor)))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 5), (3, 1, 2), (1, 7, 1), (16, 3, 4), (33, 5, 256)])
def test_logits_of_full_size_need_no_upsampling(shape):
    logits = np.random.default_rng(0).integers(-9, 9, shape).astype(np.float32)  # with ties
    labels = upsample_argmax(logits, 1)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, logits.argmax(axis=-1))


def test_equals_dense_upsampling_at_the_size_of_cityscapes():
    logits = smooth(np.random.default_rng(0), (128, 256, 19)).astype(np.float32)
    np.testing.assert_array_equal(upsample_argmax(logits, 8), dense(logits, (1024, 2048)))


def test_crossing_of_two_classes_by_hand():
    # Class 0 falls from 3 to 0 and class 1 rises from 0 to 1 between the two logits. Four pixels lie at
    # -1/4 (clamped: 0), 1/4, 3/4 and 5/4 (clamped: 1) of the way: 3, 2.25, 0.75, 0 against 0, 0.25, 0.75, 1.
    # At 3/4 the classes tie, and the lower one wins.
    logits = np.array([[[3, 0], [0, 1]]], np.float32)
    assert upsample_argmax(logits, (1, 4)).tolist() == [[0, 0, 0, 1]]


def test_a_class_that_leads_at_no_corner_may_win_between_them():
    # Half way, classes 0 and 1 have dropped to 5 and class 2 stays at 6.5.
    logits = np.array([[[10, 0, 6.5], [0, 10, 6.5]]], np.float32)
    assert upsample_argmax(logits, (1, 8)).tolist() == [[0, 0, 0, 2, 2, 1, 1, 1]]


def test_where_one_class_leads_everywhere_rounding_can_still_make_ties():
    # Class 1 is one rounding unit above class 0 at both ends. In float32 both come to 18.831251 at
    # 3/16 of the way (and meet again at 13/16), and of equal classes the lower one wins.
    ends = np.array([0.1, 100], np.float32)
    logits = np.stack([ends, np.nextafter(ends, np.float32(1000))], axis=-1)[None]
    expected = [[1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1]]
    assert dense(logits, (1, 16)).tolist() == expected
    assert upsample_argmax(logits, (1, 16)).tolist() == expected


def test_negative_logits_need_the_margin_of_their_absolute_values():
    # The negatives of the logits above, class 1 in the lead again: the largest absolute value is that of a minimum.
    ends = np.array([0.1, 100], np.float32)
    logits = np.stack([-np.nextafter(ends, np.float32(1000)), -ends], axis=-1)[None]
    expected = [[1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1]]
    assert dense(logits, (1, 16)).tolist() == expected
    assert upsample_argmax(logits, (1, 16)).tolist() == expected


@pytest.mark.parametrize("classes", [1, 256])
def test_fewest_and_most_classes(classes):
    logits = ordinary(np.random.default_rng(0), (5, 6, classes)).astype(np.float32)
    np.testing.assert_array_equal(upsample_argmax(logits, (37, 41)), dense(logits, (37, 41)))


def test_input_stays_as_it_was_and_other_memory_layouts_are_taken():
    logits = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32)
    before = logits.copy()
    expected = upsample_argmax(logits, 8)
    np.testing.assert_array_equal(logits, before)
    logits.setflags(write=False)
    np.testing.assert_array_equal(upsample_argmax(logits, 8), expected)
    np.testing.assert_array_equal(upsample_argmax(np.asfortranarray(logits), 8), expected)


@pytest.mark.parametrize(
    ("logits", "size", "words"),
    [
        (np.zeros((2, 2, 3)), 8, "float64"),
        (np.zeros((2, 3), np.float32), 8, r"\[2, 3\]"),
        (np.zeros((0, 2, 3), np.float32), 8, r"\[0, 2, 3\]"),
        ([[[1.0]]], 8, "list"),
        (np.zeros((1, 1, 257), np.float32), 8, "257 classes"),
        (np.zeros((2, 2, 3), np.float32), 0, "not positive"),
        (np.zeros((2, 2, 3), np.float32), (4, -1), "whole numbers of pixels, 1 or more"),
    ],
)
def test_what_cannot_be_used_is_refused(logits, size, words):
    with pytest.raises(InputError, match=words):
        upsample_argmax(logits, size)
