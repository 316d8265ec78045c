"""A network over a dataset, at sizes that it does not take as they are."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.confusion import ConfusionMatrix
from contextnet_tf.evaluation.evaluate import evaluate, report_of, segmentation
from contextnet_tf.models.registry import build_model

CAMVID = get_dataset("camvid")


def test_any_function_can_be_measured(camvid_dir):
    seen = []

    def always_building(image):
        return np.ones(image.shape[:2], np.uint8)

    report = evaluate(always_building, CAMVID, CAMVID.list_examples(camvid_dir, "val"), on_image=lambda: seen.append(1))
    # Of the two images one is all sky (0), one all building (1): building 1/2, sky 0, the others absent.
    assert report.class_iou["building"] == 0.5 and report.class_iou["sky"] == 0.0
    assert np.isnan(report.class_iou["car"])
    assert report.mean_iou == 0.25 and report.pixel_accuracy == 0.5
    assert len(seen) == report.images == 2


def test_a_network_for_other_images_is_refused(camvid_dir):
    image = keras.Input((None, None, 1))
    gray = keras.Model(image, {"main": keras.layers.Conv2D(11, 1)(image)}, name="gray")
    with pytest.raises(InputError, match="network 'gray': is not a segmentation network, which takes one image"):
        evaluate(gray, CAMVID, CAMVID.list_examples(camvid_dir, "val"))


def test_logits_that_are_not_upsampled_are_refused(camvid_dir):
    image = keras.Input((None, None, 3))
    small = keras.Model(image, {"main": keras.layers.Conv2D(11, 8, strides=8)(image)}, name="small")
    with pytest.raises(InputError) as refused:
        evaluate(small, CAMVID, CAMVID.list_examples(camvid_dir, "val"))
    assert str(refused.value) == (
        "network 'small': for an image of 64 x 96 its output 'main' is 8 x 12; end it with a layer that upsamples the "
        "logits to the image's size"
    )


def test_report_in_json_has_null_for_what_never_occurs(camvid_dir):
    examples = CAMVID.list_examples(camvid_dir, "val")
    report = evaluate(lambda image: np.zeros(image.shape[:2], np.uint8), CAMVID, examples)
    fields = report.to_json()
    assert fields["class_iou"]["car"] is None and fields["category_iou"]["vehicle"] is None
    # CamVid has no files of instances.
    assert fields["mean_instance_iou"] is fields["instance_iou"] is fields["category_instance_iou"] is None
    assert fields["confusion"][0][:2] == [6144, 0] and fields["confusion"][1][:2] == [6144, 0]


def test_categories_merge_classes():
    matrix = ConfusionMatrix(19)
    # Road taken for sidewalk is right by category; a car taken for a road is wrong.
    matrix.update(np.array([0, 0, 13, 13]), np.array([0, 1, 13, 0]))
    report = report_of(matrix, get_dataset("cityscapes"), 1)
    assert report.category_iou["flat"] == 2 / 3 and report.category_iou["vehicle"] == 0.5
    # IoU of flat 2/3 and vehicle 1/2; of road 1/3, sidewalk 0 and car 1/2.
    fields = report.to_json()
    assert fields["mean_category_iou"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert fields["mean_iou"] == pytest.approx((1 / 3 + 0 + 1 / 2) / 3)
    # Cityscapes' seven categories, in the order of their first class.
    assert list(report.category_iou) == ["flat", "construction", "object", "nature", "sky", "human", "vehicle"]


def test_images_of_any_size_are_padded_by_repeating_the_edge():
    keras.utils.set_random_seed(0)
    model = build_model("cn14", num_classes=5, input_shape=(None, None, 3))
    image = np.random.default_rng(0).integers(0, 256, (40, 70, 3), np.uint8)
    labels = segmentation(model)(tf.constant(image)).numpy()
    # cn14 takes multiples of 32: 64 x 96.
    padded = np.pad(image, ((0, 24), (0, 26), (0, 0)), mode="edge")
    logits = model(padded[np.newaxis] / np.float32(255), training=False)["main"].numpy()[0]
    assert labels.shape == (40, 70) and labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, logits.argmax(-1)[:40, :70])
