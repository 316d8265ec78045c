"""The folder and zip for the test server, written and taken up again."""

import json
import resource
import zipfile

import cv2
import numpy as np
import pytest

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.sources import Example
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.submission import Submission

CITYSCAPES = get_dataset("cityscapes")
EXAMPLES = [Example(f"bonn_00000{i}_000019", f"bonn_00000{i}_000019_leftImg8bit.png", "") for i in range(3)]
NAMES = [f"bonn_00000{i}_000019_labelIds.png" for i in range(3)]


def _submission(folder, network="a"):
    return Submission(folder / "submission_test", CITYSCAPES, EXAMPLES, {"network": network})


def _finished(folder):
    return sorted(path.name for path in (folder / "submission_test").iterdir())


def test_train_ids_become_label_ids(tmp_path):
    submission = _submission(tmp_path)
    submission.write(EXAMPLES[0], np.array([[*range(19), 255]], np.uint8))
    ids = cv2.imread(str(tmp_path / "submission_test" / NAMES[0]), cv2.IMREAD_UNCHANGED)
    assert ids.dtype == np.uint8
    # Cityscapes' ids by train id, from the dataset's own table; no class is 0, unlabeled.
    assert ids.tolist() == [[7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33, 0]]


def test_the_zip_holds_every_image_once_and_nothing_else(tmp_path):
    submission = _submission(tmp_path)
    for i, example in enumerate(EXAMPLES):
        submission.write(example, np.full((4, 6), i, np.uint8))
    (tmp_path / "submission_test" / ".bonn_000000_000019_labelIds.77.png").write_bytes(b"left by a crash")
    path = submission.pack()
    assert path == tmp_path / "submission_test.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == NAMES and archive.testzip() is None
        assert archive.read(NAMES[1]) == (tmp_path / "submission_test" / NAMES[1]).read_bytes()


def test_a_full_disk_is_named_when_images_are_packed(tmp_path):
    submission = _submission(tmp_path)
    for example in EXAMPLES:
        submission.write(example, np.zeros((4, 6), np.uint8))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    message = r"submission_test.zip: cannot be written \(File too large\); free disk space and start again$"
    try:
        with pytest.raises(InputError, match=message):
            submission.pack()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert submission.pack().stat().st_size > 100


def test_an_image_that_was_removed_is_named_when_images_are_packed(tmp_path):
    submission = _submission(tmp_path)
    for example in EXAMPLES:
        submission.write(example, np.zeros((4, 6), np.uint8))
    (tmp_path / "submission_test" / NAMES[1]).unlink()
    with pytest.raises(FileNotFoundError) as raised:
        submission.pack()
    assert raised.value.filename == str(tmp_path / "submission_test" / NAMES[1])
    assert not (tmp_path / "submission_test.zip").exists()


def test_what_the_same_network_has_finished_is_kept(tmp_path):
    first = _submission(tmp_path)
    assert first.missing() == EXAMPLES
    first.write(EXAMPLES[1], np.zeros((4, 6), np.uint8))
    assert first.missing() == _submission(tmp_path).missing() == [EXAMPLES[0], EXAMPLES[2]]


def test_images_that_were_cut_off_are_made_again(tmp_path):
    first = _submission(tmp_path)
    for example in EXAMPLES:
        first.write(example, np.zeros((4, 6), np.uint8))
    for name, kept in zip(NAMES[:2], (0, -1), strict=True):
        path = tmp_path / "submission_test" / name
        path.write_bytes(path.read_bytes()[:kept])
    assert _submission(tmp_path).missing() == EXAMPLES[:2]


def test_a_damaged_record_is_named_with_the_remedy(tmp_path):
    _submission(tmp_path)
    (tmp_path / "submission_test.json").write_text("")
    with pytest.raises(InputError, match=r"submission_test.json: is not JSON .*; remove it and .*submission_test, or"):
        _submission(tmp_path)


def test_what_another_network_has_made_is_made_anew(tmp_path):
    first = _submission(tmp_path)
    for example in EXAMPLES:
        first.write(example, np.zeros((4, 6), np.uint8))
    first.pack()
    (tmp_path / "submission_test" / "notes.txt").write_text("kept")
    assert _submission(tmp_path, "b").missing() == EXAMPLES
    assert _finished(tmp_path) == ["notes.txt"]
    assert json.loads((tmp_path / "submission_test.json").read_text()) == {"network": "b"}
    assert not (tmp_path / "submission_test.zip").exists()


def test_a_clearing_that_was_interrupted_is_finished(tmp_path, monkeypatch):
    first = _submission(tmp_path)
    for example in EXAMPLES:
        first.write(example, np.zeros((4, 6), np.uint8))
    monkeypatch.setattr("contextnet_tf.evaluation.submission.write_json", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        _submission(tmp_path, "b")
    monkeypatch.undo()
    assert _submission(tmp_path, "b").missing() == EXAMPLES


def _interrupted(*arguments):
    raise KeyboardInterrupt


def test_files_of_others_are_not_touched(tmp_path):
    (tmp_path / "submission_test").mkdir()
    (tmp_path / "submission_test" / NAMES[0]).write_text("of somebody")
    with pytest.raises(InputError, match="submission_test: holds files, but submission_test.json beside it is missing"):
        _submission(tmp_path)
    assert (tmp_path / "submission_test" / NAMES[0]).read_text() == "of somebody"


def test_other_labels_and_names_are_refused(tmp_path):
    with pytest.raises(InputError, match="dataset 'camvid' does not have Cityscapes' label ids"):
        Submission(tmp_path / "out", get_dataset("camvid"), EXAMPLES, {})
    for name in ("bonn_000000", "bonn_0_19", "bonn_000000_000019_x", "a_bonn_000000_000019", "frame7"):
        with pytest.raises(InputError, match=f"p.png: the server finds images by CITY_SEQUENCE_.* called {name}"):
            Submission(tmp_path / "out", CITYSCAPES, [Example(name, "p.png", "")], {})
    assert not (tmp_path / "out").exists()
