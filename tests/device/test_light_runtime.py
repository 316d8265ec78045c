"""What a board does with an exported file. `make test-device` runs this where TensorFlow is not installed."""

import importlib.util
import pathlib
import subprocess
import sys

import cv2
import numpy as np
import pytest
from videos import frames_of, write_video

import contextnet_tf as cn
from data.streets import draw_scene
from experiments import predict

CHECKOUT = pathlib.Path(__file__).parents[2]
PRESET = "preset:cn14-camvid"
# The labels of `street` as the preset's int8 file gave them in the environment of requirements.lock.
LABELS = pathlib.Path(__file__).with_name("street_labels.png")
SIZE = (360, 480)


@pytest.fixture(scope="module")
def street():
    """A synthetic scene, uint8 [360, 480, 3] RGB."""
    return draw_scene(3, "val", 0, *SIZE).image


@pytest.fixture(scope="module")
def labels(street):
    """What `Segmenter` makes of it."""
    return cn.Segmenter(PRESET).segment(street)


def test_labels_are_those_stored(labels):
    stored = cv2.imread(str(LABELS), cv2.IMREAD_UNCHANGED)
    # Processors round a few int8 values another way: that moves class borders by single pixels.
    assert labels.shape == stored.shape == SIZE and np.mean(labels == stored) > 0.999
    assert len(np.unique(labels)) >= 5


def test_predict_on_a_photo(call, street, labels, tmp_path):
    cv2.imwrite(str(tmp_path / "photo.png"), street[..., ::-1])
    called = call(predict, f"--checkpoint={PRESET}", f"--input={tmp_path}/photo.png", f"--output_dir={tmp_path}/out")
    assert called.status == 0, called.err
    written = cv2.imread(str(tmp_path / "out" / "predictions" / "photo_labels.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(written, labels)
    assert cv2.imread(str(tmp_path / "out" / "predictions" / "photo_overlay.png")).shape == street.shape


def test_predict_on_a_video(call, street, tmp_path):
    write_video(tmp_path / "drive.avi", [street[:, ::step] for step in (1, -1, 1)])
    called = call(predict, f"--checkpoint={PRESET}", f"--input={tmp_path}/drive.avi", f"--output_dir={tmp_path}/out")
    assert called.status == 0 and called.out.startswith("3 frames: ")
    assert [x.shape for x in frames_of(tmp_path / "out" / "predictions" / "drive_overlay.mp4")] == [street.shape] * 3


HEAVY = {"tensorflow", "keras", "jax", "torch", "matplotlib", "h5py", "jinja2", "scipy", "av"}


def loaded_by(program):
    """The packages that a Python program loads, beside those of the standard library."""
    program = f"import sys; {program}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    command = [sys.executable, "-c", program]
    shown = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return set(shown.stdout.splitlines()[-1].split()) - sys.stdlib_module_names


def test_predict_on_a_photo_loads_nothing_heavy(tmp_path):
    cv2.imwrite(str(tmp_path / "photo.png"), np.zeros((8, 8, 3), np.uint8))
    arguments = f"checkpoint={PRESET!r}, input='{tmp_path}/photo.png', output_dir='{tmp_path}'"
    loaded = loaded_by(f"from experiments import predict; predict.run({arguments})")
    assert loaded >= {"numpy", "cv2", "ai_edge_litert", "absl", "tqdm"} and not loaded & HEAVY


def test_segmenter_needs_numpy_opencv_and_litert_only():
    loaded = loaded_by(f"import contextnet_tf as cn; cn.Segmenter({PRESET!r}); cn.upsample_argmax")
    assert loaded >= {"numpy", "cv2", "ai_edge_litert"} and not loaded & (HEAVY | {"absl", "PIL", "simplejpeg"})


@pytest.mark.skipif(importlib.util.find_spec("keras") is not None, reason="Keras is installed: make test-device")
@pytest.mark.parametrize(
    ("program", "flags", "needing"),
    [
        ("predict", ["--engine=tensorflow", f"--checkpoint={PRESET}", "--input=x", "--output_dir=x"], "the engine"),
        ("train", [], "this program"),
    ],
)
def test_one_line_says_what_to_install(program, flags, needing, tmp_path):
    command = [sys.executable, "-m", f"experiments.{program}", *flags]
    finished = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert finished.returncode == 1 and finished.stderr.count("\n") == 1
    assert finished.stderr.startswith(f"error: {needing}")
    assert finished.stderr.endswith("needs keras, which is not installed; in the checkout: pip install -e '.[train]'\n")
