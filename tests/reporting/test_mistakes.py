"""The worst images, the examples of classes and the confidences, of images whose mistakes are counted by hand."""

import base64
import dataclasses

import cv2
import numpy as np
import pytest
from report_reading import few_classes, page_of, read

from contextnet_tf.reporting.images import Sample, read_confidence, small_confidence
from contextnet_tf.reporting.mistakes import FALSE, MISSED, Outcome, Shown, mistakes
from contextnet_tf.reporting.report import report_html
from contextnet_tf.runs.results import Results

CLASSES = [("road", (128, 64, 128)), ("car", (0, 0, 142)), ("sky", (70, 130, 180))]


def _shown(name, wrong_columns, confidence=None):
    """12 x 16 pixels of road with a car of 4 x 4; the first columns are predicted as car. The first row is ignored."""
    ground_truth = np.zeros((12, 16), np.uint8)
    ground_truth[4:8, 12:] = 1
    prediction = ground_truth.copy()
    prediction[:, :wrong_columns] = 1
    prediction[4:6, 12:] = 0  # half of the car is missed
    ground_truth[0] = 255
    return Shown(Sample(name, np.full((12, 16, 3), 200, np.uint8), ground_truth, prediction), confidence)


SHOWN = {
    "good": _shown("good", 1, np.full((12, 16), 0.75, np.float32)),
    "bad": _shown("bad", 6, np.full((12, 16), 0.5, np.float32)),
    "fair": _shown("fair", 3),
}


def _outcome(shown):
    sample = shown.sample
    return Outcome.of(sample.name, sample.ground_truth, sample.prediction, shown.confidence, len(CLASSES))


def _section(worst=2):
    return mistakes(map(_outcome, SHOWN.values()), SHOWN.__getitem__, CLASSES, worst=worst)


def _pixels(uri):
    return cv2.imdecode(np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8), 1)[..., ::-1].astype(int)


def test_counts_of_an_image():
    outcome = _outcome(SHOWN["good"])
    # 11 rows of 16 are labeled; wrong are 11 road pixels taken for car and 8 of the car taken for road.
    assert (outcome.labeled, outcome.right) == (176, 157)
    assert outcome.wrong_by_class.tolist() == [19, 19, 0]
    assert outcome.confidence_correct == pytest.approx(0.75 * 157) and outcome.confidence_wrong == pytest.approx(
        0.75 * 19
    )


def test_the_worst_come_first():
    section = _section()
    assert [each.name for each in section.worst] == ["bad", "fair"] and section.images == 3
    assert section.worst[0].accuracy == f"{100 * (176 - 66 - 8) / 176:.1f}"
    assert [len(each.images) for each in section.worst] == [4, 3]  # with confidence, and without


def test_of_frames_that_look_alike_only_the_worst_is_shown():
    scene = np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    shown = {name: _shown(name, columns) for name, columns in (("a", 6), ("b", 5), ("c", 2))}
    images = {"a": scene, "b": np.roll(scene, 1, axis=0), "c": scene[::-1].copy()}
    shown = {name: Shown(dataclasses.replace(x.sample, image=images[name]), None) for name, x in shown.items()}
    shown["b"].sample.image[:] = np.clip(scene * 0.9 + 5, 0, 255)  # the scene again, a little darker
    section = mistakes(map(_outcome, shown.values()), shown.__getitem__, CLASSES, worst=2)
    assert [each.name for each in section.worst] == ["a", "c"]


def test_confidence_is_the_mean_over_right_and_wrong_pixels():
    # Right: 157 of 0.75 and 102 of 0.5; wrong: 19 of 0.75 and 74 of 0.5.
    assert _section().sure == (f"{100 * (157 * 0.75 + 51) / 259:.1f}", f"{100 * (19 * 0.75 + 37) / 93:.1f}")


def test_each_class_is_shown_where_most_of_its_pixels_are_wrong():
    road, car = _section().by_class  # the sky has no mistakes
    assert (road.name, road.sample, car.name, car.sample) == ("road", "bad", "car", "bad")
    # Of 160 pixels of road, 66 are missed; of 94 + 8 predicted as road, 8 are false. The car: 8 of 16; 66 of 74.
    assert (road.missed, road.false) == ("41.2", "7.8") and (car.missed, car.false) == ("50.0", "89.2")
    # Half the image, at the wrong columns 0 to 5: false in its color over pale gray.
    painted = _pixels(car.uri)
    assert painted.shape == (6, 8, 3)
    blend = 0.25 * np.array([210, 210, 210]) + 0.75 * np.array(FALSE)
    assert np.abs(painted[3, 2] - blend).max() < 40
    blend = 0.25 * np.array([210, 210, 210]) + 0.75 * np.array(MISSED)
    assert np.abs(_pixels(road.uri)[3, 2] - blend).max() < 40


def test_without_labeled_images_there_is_no_section():
    ignored = Outcome.of("a", np.full((2, 2), 255, np.uint8), np.zeros((2, 2), np.uint8), None, 3)
    assert mistakes([ignored], SHOWN.__getitem__, CLASSES, worst=1) is None
    assert mistakes([], SHOWN.__getitem__, CLASSES, worst=1) is None


def test_the_page_shows_them_and_needs_nothing_from_outside():
    results = Results.from_json(few_classes(), "result.json")
    page = read(report_html(results, mistakes=_section()))
    assert "mistakes" in page.sections() and "mistakes" not in read(page_of(few_classes())).sections()
    assert "Of 3 images, those with the lowest pixel accuracy;" in page.text
    assert f"{_section().sure[0]} % at correct pixels" in " ".join(page.text.split())
    assert "missed 50.0 %, false 89.2 %" in page.text
    assert all(source.startswith("data:") for source in page.attributes("src"))


def test_confidences_are_stored_small_and_read_at_full_size(tmp_path):
    confidence = np.linspace(0.2, 1, 1280, dtype=np.float32)[np.newaxis].repeat(640, axis=0)
    small = small_confidence(confidence)
    assert small.shape == (160, 320) and small.dtype == np.uint8
    cv2.imwrite(str(tmp_path / "a.png"), small)
    again = read_confidence(tmp_path / "a.png", (640, 1280))
    assert np.abs(again - confidence).max() < 0.01
    assert read_confidence(tmp_path / "b.png", (640, 1280)) is None
