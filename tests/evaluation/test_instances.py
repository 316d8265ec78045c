"""Instances weighted by hand, and what is wrong with a file of them."""

import cv2
import numpy as np
import pytest

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.sources import Example
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.confusion import ConfusionMatrix
from contextnet_tf.evaluation.evaluate import report_of
from contextnet_tf.evaluation.instances import InstanceCounts, instance_paths, instance_problems, read_instances

STREETS = get_dataset("streets")
ROAD, PERSON, RIDER, CAR = 0, 11, 12, 13  # train ids


def _report(*images):
    matrix, instances = ConfusionMatrix(19), InstanceCounts(STREETS)
    for truth, instance_ids, prediction in images:
        matrix.update(np.array(truth), np.array(prediction))
        instances.update(np.array(instance_ids, np.uint16), np.array(prediction, np.uint8))
    return report_of(matrix, STREETS, len(images), instances)


def test_a_small_instance_weighs_as_much_as_a_large_one():
    # One person of three pixels, all found, and one of a single pixel, missed: IoU 3/4, iIoU 1/2.
    report = _report(([PERSON] * 4, [24000, 24000, 24000, 24001], [PERSON] * 3 + [ROAD]))
    assert report.class_iou["person"] == 3 / 4
    assert report.instance_iou["person"] == pytest.approx(1 / 2)
    assert report.mean_instance_iou == pytest.approx(1 / 2)


def test_pixels_of_no_instance_count_once():
    # A person of two pixels, one found: iTP = iFN = 3462.4756337644 / 2. One pixel of road is taken for a person.
    report = _report(([PERSON, PERSON, ROAD], [24000, 24000, 7], [PERSON, ROAD, PERSON]))
    assert report.instance_iou["person"] == pytest.approx(1731.2378168822 / (3462.4756337644 + 1), rel=1e-12)


def test_the_same_number_in_two_images_is_two_instances():
    large, small = ([CAR] * 4, [26000] * 4, [CAR] * 4), ([CAR], [26000], [ROAD])
    assert _report(large, small).instance_iou["car"] == pytest.approx(1 / 2)


def test_a_rider_taken_for_a_person_is_right_by_category():
    report = _report(([PERSON, RIDER, RIDER], [24000, 25000, 25000], [PERSON, PERSON, RIDER]))
    # By class: of the person all, and one pixel more; of the rider one half.
    assert report.instance_iou["person"] == pytest.approx(3462.4756337644 / (3462.4756337644 + 1), rel=1e-12)
    assert report.instance_iou["rider"] == pytest.approx(1 / 2)
    assert report.category_instance_iou["human"] == 1
    assert np.isnan(report.category_instance_iou["vehicle"])
    assert report.mean_category_instance_iou == 1
    fields = report.to_json()
    assert fields["category_instance_iou"] == {"human": 1.0, "vehicle": None}
    assert fields["mean_category_instance_iou"] == 1.0
    # Of classes it is the mean of the two above.
    assert fields["mean_instance_iou"] == pytest.approx((3462.4756337644 / (3462.4756337644 + 1) + 1 / 2) / 2)


def test_groups_and_ignored_labels_take_no_part():
    # A group of people (24), a caravan (29001, ignored) and a value that is not above 1000.
    report = _report(([PERSON, 255, PERSON], [24, 29001, 1000], [PERSON, CAR, PERSON]))
    assert all(map(np.isnan, report.instance_iou.values()))
    assert np.isnan(report.mean_instance_iou) and report.to_json()["instance_iou"]["person"] is None
    assert report.class_iou["person"] == 1 and np.isnan(report.class_iou["car"])


def _examples(folder, *instance_files):
    for name in instance_files:
        cv2.imwrite(str(folder / f"{name}_gtFine_instanceIds.png"), np.zeros((2, 3), np.uint16))
    return [Example(name, f"{name}.png", str(folder / f"{name}_gtFine_labelIds.png")) for name in ("a", "b", "c")]


def test_the_file_of_instances_lies_beside_the_labels(tmp_path):
    examples = _examples(tmp_path, "a", "b", "c")
    names = [path.relative_to(tmp_path).name for path in instance_paths(STREETS, examples)]
    assert names == ["a_gtFine_instanceIds.png", "b_gtFine_instanceIds.png", "c_gtFine_instanceIds.png"]
    assert instance_paths(get_dataset("camvid"), examples) is None  # its classes have no instances


def test_without_files_of_instances_there_is_no_instance_iou(tmp_path):
    assert instance_paths(STREETS, _examples(tmp_path)) is None
    assert instance_paths(STREETS, [Example("a", "a.png", "a_labels.png")]) is None


def test_a_missing_file_of_instances_is_named(tmp_path):
    message = "b_gtFine_instanceIds.png: is missing, though 2 of the 3 images have an instance file"
    with pytest.raises(InputError, match=message):
        instance_paths(STREETS, _examples(tmp_path, "a", "c"))


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (np.zeros((2, 3), np.uint8), "has one 16-bit value per pixel"),
        (np.zeros((2, 3, 3), np.uint16), "has one 16-bit value per pixel"),
        (np.zeros((3, 2), np.uint16), "is 2 x 3 pixels, its labels are 3 x 2"),
        (np.full((2, 3), 7001, np.uint16), "value 7001 would be instance 1 of label 7, which has no instances"),
        (np.full((2, 3), 65535, np.uint16), "value 65535 would be instance 535 of label 65"),
    ],
)
def test_a_wrong_file_of_instances_is_refused(tmp_path, ids, message):
    path = tmp_path / "a_gtFine_instanceIds.png"
    cv2.imwrite(str(path), ids)
    with pytest.raises(InputError, match=f"a_gtFine_instanceIds.png: .*{message}"):
        read_instances(path, STREETS, (2, 3))


def test_problems_of_all_files_of_instances(tmp_path):
    examples = _examples(tmp_path, "a", "b", "c")
    for example in examples:
        cv2.imwrite(example.label_path, np.zeros((2, 3), np.uint8))
    assert instance_problems(STREETS, examples) == []
    cv2.imwrite(str(tmp_path / "b_gtFine_instanceIds.png"), np.zeros((3, 2), np.uint16))
    (tmp_path / "c_gtFine_instanceIds.png").write_bytes(b"no image")
    second, third = instance_problems(STREETS, [*examples, Example("test", "test.png", None)])
    assert (
        "b_gtFine_instanceIds.png: is 2 x 3 pixels" in second
        and "c_gtFine_instanceIds.png: is not an image of a supported format" in third
    )
    (tmp_path / "a_gtFine_instanceIds.png").unlink()
    (missing,) = instance_problems(STREETS, examples)
    assert "a_gtFine_instanceIds.png: is missing, though 2 of the 3 images" in missing


def test_an_unreadable_file_of_instances_is_refused(tmp_path):
    path = tmp_path / "a_gtFine_instanceIds.png"
    path.write_text("no image")
    with pytest.raises(InputError, match="a_gtFine_instanceIds.png: is not an image of a supported format"):
        read_instances(path, STREETS, (2, 3))
    cv2.imwrite(str(path), np.array([[0, 24, 1000, 24999, 33000, 29001]], np.uint16))
    assert read_instances(path, STREETS, (1, 6)).tolist() == [[0, 24, 1000, 24999, 33000, 29001]]
