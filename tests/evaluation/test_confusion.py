"""A 3 x 3 confusion matrix written out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contextnet_tf.evaluation.confusion import ConfusionMatrix

LABELS = np.array([[0, 0, 0, 1], [1, 2, 2, 255]])
PREDICTIONS = np.array([[0, 0, 1, 1], [2, 2, 2, 0]])
# true 0: two right, one taken for 1; true 1: one right, one taken for 2; true 2: both right; one ignored.
COUNTS = [[2, 1, 0], [0, 1, 1], [0, 0, 2]]


def _filled():
    matrix = ConfusionMatrix(3)
    matrix.update(LABELS, PREDICTIONS)
    return matrix


def test_counts():
    assert _filled().counts.tolist() == COUNTS


def test_iou():
    # 2 / (3 + 2 - 2), 1 / (2 + 2 - 1), 2 / (2 + 3 - 2)
    np.testing.assert_allclose(_filled().iou(), [2 / 3, 1 / 3, 2 / 3])
    assert _filled().mean_iou() == pytest.approx(5 / 9)
    assert _filled().pixel_accuracy() == pytest.approx(5 / 7)


def test_a_class_that_never_occurs_is_nan_and_not_in_the_mean():
    matrix = ConfusionMatrix(4)
    matrix.update(LABELS, PREDICTIONS)
    assert np.isnan(matrix.iou()[3])
    assert matrix.mean_iou() == pytest.approx(5 / 9)


def test_a_class_that_is_only_predicted_has_zero():
    matrix = ConfusionMatrix(4)
    matrix.update(np.array([0, 0]), np.array([0, 3]))
    np.testing.assert_allclose(matrix.iou(), [0.5, np.nan, np.nan, 0.0])


def test_nothing_counted_is_nan():
    matrix = ConfusionMatrix(2)
    matrix.update(np.array([255]), np.array([1]))
    assert np.isnan(matrix.mean_iou()) and np.isnan(matrix.pixel_accuracy())


def test_grouped_classes():
    # Classes 0 and 1 form group 0, class 2 forms group 1: 2+1+0+1 = 4 inside, 0+1 across, 0+0, 2.
    groups = _filled().grouped(np.array([0, 0, 1]))
    assert groups.counts.tolist() == [[4, 1], [0, 2]]
    np.testing.assert_allclose(groups.iou(), [4 / 5, 2 / 3])


def test_a_prediction_of_the_ignore_label_misses_the_class_and_is_no_other():
    matrix = ConfusionMatrix(3)
    matrix.update(np.array([0, 0, 1, 255]), np.array([0, 255, 255, 255]))
    assert matrix.counts.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]] and matrix.unassigned.tolist() == [1, 1, 0]
    np.testing.assert_allclose(matrix.iou(), [1 / 2, 0, np.nan])
    assert matrix.false_positives().tolist() == [0, 0, 0]
    assert matrix.pixel_accuracy() == pytest.approx(1 / 3)
    np.testing.assert_allclose(matrix.grouped(np.array([0, 0, 1])).iou(), [1 / 3, np.nan])


def test_every_integer_type_counts_the_same():
    for types in ((np.uint8, np.int64), (np.int32, np.uint16), (np.int8, np.int8)):
        matrix = ConfusionMatrix(3, ignore_label=100)
        labels = np.where(LABELS == 255, 100, LABELS)
        matrix.update(labels.astype(types[0]), PREDICTIONS.astype(types[1]))
        assert matrix.counts.tolist() == COUNTS


def test_misfits_are_refused():
    matrix = ConfusionMatrix(3)
    with pytest.raises(ValueError, match=r"labels have the shape \(2,\), predictions \(3,\)"):
        matrix.update(np.zeros(2, int), np.zeros(3, int))
    with pytest.raises(ValueError, match="predictions hold 0 to 3; train ids run from 0 to 2"):
        matrix.update(np.zeros(2, int), np.array([0, 3]))
    with pytest.raises(ValueError, match="labels hold 7 to 7"):
        matrix.update(np.array([7]), np.array([0]))
    # A value beyond eight bits is not cut down to one that would be right.
    with pytest.raises(ValueError, match="labels hold 256 to 256"):
        matrix.update(np.array([256]), np.array([0]))
    with pytest.raises(ValueError, match="predictions hold -1 to 0"):
        matrix.update(np.array([0, 0]), np.array([-1, 0]))
    with pytest.raises(ValueError, match="labels hold 3 to 254"):
        matrix.update(np.array([3, 254, 255]), np.array([0, 0, 0]))
    assert matrix.counts.sum() == matrix.unassigned.sum() == 0
    for ignore_label in (2, -1, 256):
        with pytest.raises(ValueError, match=f"ignore label {ignore_label}: with 3 classes it must be 3 to 255"):
            ConfusionMatrix(3, ignore_label)


def test_where_the_truth_is_ignored_any_byte_may_be_predicted():
    matrix = ConfusionMatrix(3)
    matrix.update(np.array([255, 0]), np.array([200, 0]))
    assert matrix.counts[0, 0] == matrix.counts.sum() == 1


@settings(max_examples=50, deadline=None)
@given(data=st.lists(st.tuples(st.sampled_from([0, 1, 2, 255]), st.integers(0, 2)), min_size=1, max_size=60))
def test_matrix_agrees_with_counting_sets(data):
    labels, predictions = (np.array(column) for column in zip(*data, strict=True))
    matrix = ConfusionMatrix(3)
    # Fed in two parts: a matrix adds up.
    matrix.update(labels[: len(data) // 2], predictions[: len(data) // 2])
    matrix.update(labels[len(data) // 2 :], predictions[len(data) // 2 :])
    for c in range(3):
        true = {i for i, (label, _) in enumerate(data) if label == c}
        predicted = {i for i, (label, prediction) in enumerate(data) if prediction == c and label != 255}
        expected = len(true & predicted) / len(true | predicted) if true | predicted else np.nan
        np.testing.assert_allclose(matrix.iou()[c], expected)
