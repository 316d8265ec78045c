"""A `Segmenter` in another process."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest

from contextnet_tf import presets
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError

STREET = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)


def _pixels_of_classes(segmenter: Segmenter) -> list[int]:
    return np.bincount(segmenter.segment(STREET).ravel(), minlength=11).tolist()


def test_a_segmenter_is_sent_to_another_process():
    segmenter = Segmenter("preset:cn14-camvid", num_threads=1)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(_pixels_of_classes, [segmenter]) == [_pixels_of_classes(segmenter)]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda segmenter: pickle.loads(pickle.dumps(segmenter))])
def test_a_copy_has_the_settings_of_the_original(copied):
    path = presets.preset_dir("cn14-camvid") / "export" / "model_int8.tflite"
    original = Segmenter(path, num_threads=2, resize_mode="pad")
    twin = copied(original)
    assert twin is not original and (twin.size, twin.workers) == (original.size, original.workers)
    with pytest.raises(InputError) as refused:
        twin.segment(np.zeros((2000, 3000, 3), np.uint8))
    with pytest.raises(InputError) as expected:
        original.segment(np.zeros((2000, 3000, 3), np.uint8))
    assert str(refused.value) == str(expected.value)


def test_a_copy_finds_the_file_from_another_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(presets.preset_dir("cn14-camvid"))
    original = Segmenter("export/model_int8.tflite")
    monkeypatch.chdir(tmp_path)
    assert _pixels_of_classes(copy.copy(original)) == _pixels_of_classes(original)
