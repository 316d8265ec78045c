"""Predictions on synthetic scenes, scored by us and by Cityscapes' own program: every figure is the same."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from official_scores import assert_same_scores, official_scores

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.evaluation.confusion import ConfusionMatrix
from contextnet_tf.evaluation.evaluate import evaluate, report_of
from contextnet_tf.evaluation.instances import InstanceCounts, read_instances
from data import streets

STREETS = get_dataset("streets")

# Cityscapes' ids by train id, from the dataset's own table (Cordts et al., 2016).
IDS = np.array([7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33], np.uint8)
TRAIN_IDS = np.full(256, 255, np.uint8)
TRAIN_IDS[IDS] = np.arange(19)
CAR, TRAIN = 13, 16


def _perfect(truth, rng):
    return np.where(truth == 255, 0, truth)


def _shifted(truth, rng):
    return np.roll(truth, (3, 7), (0, 1))  # with 255, no class, at pixels that count


def _noisy(truth, rng):
    return np.where(rng.random(truth.shape) < 0.3, rng.integers(0, 19, truth.shape), _perfect(truth, rng))


def _without_cars(truth, rng):
    return np.where(truth == CAR, 0, _shifted(truth, rng) % 19)


PREDICTIONS = {
    "perfect": _perfect,
    "shifted": _shifted,
    "noisy": _noisy,
    "without cars": _without_cars,
    "cars everywhere": lambda truth, rng: np.full(truth.shape, CAR),
    "an absent class everywhere": lambda truth, rng: np.full(truth.shape, TRAIN),
    "nothing": lambda truth, rng: np.full(truth.shape, 255),
    "random": lambda truth, rng: rng.integers(0, 19, truth.shape),
}


@pytest.fixture(scope="module")
def drawn_dir(tmp_path_factory):
    """Five synthetic scenes of four seeds, of several sizes; the last holds pixels of ignored labels only."""
    folder = tmp_path_factory.mktemp("drawn")
    drawn = [(0, (64, 128)), (1, (64, 128)), (2, (96, 128)), (3, (128, 256)), (0, (64, 64))]
    for index, (seed, size) in enumerate(drawn):
        streets.write_scene(folder, seed, "val", index, *size)
    nothing = STREETS.list_examples(folder, "val")[-1].label_path
    cv2.imwrite(nothing, np.full((64, 64), 3, np.uint8))
    cv2.imwrite(nothing.replace("labelIds", "instanceIds"), np.full((64, 64), 3, np.uint16))
    return folder


def _write(folder, name, prediction, no_class=0):
    ids = np.where(prediction == 255, no_class, IDS[prediction % 19]).astype(np.uint8)
    cv2.imwrite(str(folder / f"{name}_prediction.png"), ids)


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_streets_score_the_same(drawn_dir, tmp_path, kind):
    rng = np.random.default_rng(0)
    examples = STREETS.list_examples(drawn_dir, "val")
    truths = [TRAIN_IDS[cv2.imread(example.label_path, cv2.IMREAD_UNCHANGED)] for example in examples]
    predictions = [PREDICTIONS[kind](truth, rng).astype(np.uint8) for truth in truths]
    for example, prediction in zip(examples, predictions, strict=True):
        _write(tmp_path, example.name, prediction)
    following = iter(predictions)
    report = evaluate(lambda image: next(following), STREETS, examples)
    scores = official_scores(tmp_path, [example.label_path for example in examples])
    assert_same_scores(report, scores)
    assert report.confusion.tolist() == np.array(scores["confMatrix"])[np.ix_(IDS, IDS)].tolist()
    assert set(report.instance_iou) == {
        "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
    }  # fmt: skip
    assert set(report.category_instance_iou) == {"human", "vehicle"}
    if kind == "perfect":
        assert report.mean_iou == report.mean_category_iou == report.mean_instance_iou == 1
    if kind == "cars everywhere":
        assert 0 < report.instance_iou["car"] < 1 and report.instance_iou["person"] == 0


def _pixels(values):
    return st.lists(values, min_size=6, max_size=6).map(lambda flat: np.array(flat).reshape(2, 3))


IMAGE = st.tuples(
    _pixels(st.integers(0, 33)),  # label ids
    # Instances, of the same labels or not: a group or no instance, or the id of a label with its number.
    _pixels(st.integers(0, 33) | st.builds(lambda i, n: 1000 * i + n, st.integers(24, 33), st.integers(0, 2))),
    _pixels(st.sampled_from([*range(19), 255])),  # predicted train ids
    st.integers(0, 6),  # the ignored id that stands for 255 in the prediction
)


@settings(max_examples=40, deadline=None)
@given(images=st.lists(IMAGE, min_size=1, max_size=3))
def test_any_pixels_score_the_same(tmp_path_factory, images):
    folder = tmp_path_factory.mktemp("pixels")
    matrix, instances = ConfusionMatrix(19), InstanceCounts(STREETS)
    label_paths = []
    for index, (label_ids, instance_ids, prediction, no_class) in enumerate(images):
        stem = folder / f"bonn_{index:06d}_000019_gtFine"
        label_paths.append(stem.with_name(f"{stem.name}_labelIds.png"))
        instance_path = stem.with_name(f"{stem.name}_instanceIds.png")
        cv2.imwrite(str(label_paths[-1]), label_ids.astype(np.uint8))
        cv2.imwrite(str(instance_path), instance_ids.astype(np.uint16))
        (folder / "predictions").mkdir(exist_ok=True)
        _write(folder / "predictions", f"bonn_{index:06d}_000019", prediction, no_class)
        matrix.update(TRAIN_IDS[label_ids], prediction)
        instances.update(read_instances(instance_path, STREETS, label_ids.shape), prediction)
    report = report_of(matrix, STREETS, len(images), instances)
    assert_same_scores(report, official_scores(folder / "predictions", label_paths))
