import re

import cv2
import numpy as np
import pytest

from contextnet_tf.errors import InputError
from contextnet_tf.files import write_png
from contextnet_tf.reporting import images

ROAD, SKY = (128, 64, 128), (70, 130, 180)


def decoded(data):
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def sample(truth, prediction):
    truth, prediction = np.array(truth, np.uint8), np.array(prediction, np.uint8)
    return images.Sample("a", np.zeros((*truth.shape, 3), np.uint8), truth, prediction)


def test_a_photograph_keeps_its_colors_and_is_made_small():
    image = np.zeros((500, 1280, 3), np.uint8)
    image[..., 0] = 200
    data = images.photograph(image)
    assert data.startswith(b"\xff\xd8\xff")
    small = decoded(data)
    assert small.shape == (250, 640, 3)
    assert np.abs(small.astype(int) - [200, 0, 0]).max() < 8


def test_labels_keep_their_exact_colors_when_made_small():
    labels = np.repeat(np.array([[0, 1]], np.uint8), 700, axis=1).repeat(500, axis=0)
    small = decoded(images.label_image(labels, [ROAD, SKY]))
    assert small.shape == (229, 640, 3)
    assert small[0, 0].tolist() == list(ROAD) and small[-1, -1].tolist() == list(SKY)
    assert len(np.unique(small.reshape(-1, 3), axis=0)) == 2


def test_ignored_pixels_are_hatched_in_two_grays():
    small = decoded(images.label_image(np.full((20, 30), 255, np.uint8), [ROAD]))
    assert np.unique(small.reshape(-1, 3), axis=0).tolist() == [[202] * 3, [236] * 3]


@pytest.mark.parametrize(
    "size, fitted",
    [((1024, 2048), (320, 640)), ((360, 480), (360, 480)), ((2000, 1000), (640, 320)), ((1, 9000), (1, 640))],
)
def test_sizes(size, fitted):
    assert images.fitted_size(*size) == fitted


def test_pixel_accuracy_leaves_ignored_pixels_out():
    assert sample([[0, 1, 255, 1]], [[0, 0, 1, 1]]).pixel_accuracy == 2 / 3
    assert sample([[255, 255]], [[0, 1]]).pixel_accuracy is None


def test_ids_that_occur():
    two = [sample([[0, 255]], [[0, 3]]), sample([[7, 7]], [[7, 7]])]
    assert images.occurring_ids(two) == {0, 3, 7, 255}


def test_a_sample_of_unequal_sizes_is_refused():
    with pytest.raises(ValueError, match="sample a"):
        sample([[0, 1]], [[0]])


def test_predictions_are_read_as_they_are(tmp_path):
    labels = np.array([[0, 3, 255]], np.uint8)
    cv2.imwrite(str(tmp_path / "a_labels.png"), labels)
    assert images.read_labels(tmp_path / "a_labels.png", (1, 3)).tolist() == labels.tolist()


def test_predictions_that_cannot_be_used_are_named(tmp_path):
    path = tmp_path / "a_labels.png"
    cases = {"missing": None, "damaged": b"\x89PNG", "color": np.zeros((2, 2, 3)), "size": np.zeros((2, 2))}
    for content in cases.values():
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            cv2.imwrite(str(path), content.astype(np.uint8))
        with pytest.raises(InputError) as caught:
            images.read_labels(path, (1, 3))
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert "is 2 x 2 pixels, its image 3 x 1" in str(caught.value)


def test_damaged_files_say_which_program_writes_them_again(tmp_path, capfd):
    write_png(tmp_path / "a.png", np.arange(64, dtype=np.uint8).reshape(8, 8))
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:-30])
    for read, program in ((images.read_labels, "predict"), (images.read_confidence, "evaluate")):
        with pytest.raises(InputError) as caught:
            read(tmp_path / "a.png", (8, 8))
        assert re.fullmatch(rf"{tmp_path}/a.png: [^;]*PNG[^;]*; run {program} again", str(caught.value))
    with pytest.raises(InputError, match=r"b.png: cannot be read \(No such file or directory\); run predict again"):
        images.read_labels(tmp_path / "b.png", (8, 8))
    assert capfd.readouterr() == ("", "")
