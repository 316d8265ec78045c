"""The program predict on videos, whole and cut off, and on what a camera would show."""

import re
from fractions import Fraction

import numpy as np
import pytest
from tiny_network import write_tiny_export
from videos import frames_of, gray_frame, write_cut_video, write_video

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.colors import overlay
from contextnet_tf.datasets.video import Camera, Frame
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError
from experiments import inputs, predict


@pytest.fixture(scope="module")
def exported_dir(tmp_path_factory):
    """A folder with a TFLite file for CamVid's classes and frames of 64 x 96."""
    folder = tmp_path_factory.mktemp("exported")
    write_tiny_export(folder)
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_predict_lays_the_class_colors_over_a_video(call, exported_dir, tmp_path, workers):
    write_video(tmp_path / "drive.avi", [gray_frame(40 * i) for i in range(6)])
    called = call(
        predict, f"--checkpoint={exported_dir}", f"--input={tmp_path}/drive.avi", f"--workers={workers}",
        f"--output_dir={tmp_path}/out",
    )  # fmt: skip
    assert called.status == 0
    assert "6 frames: " in called.out and "frames per second" in called.out
    assert {x.name for x in (tmp_path / "out" / "predictions").iterdir()} == {"drive_overlay.mp4", "legend.png"}
    frames = frames_of(tmp_path / "out" / "predictions" / "drive_overlay.mp4")
    segmenter = Segmenter(exported_dir / "export" / "model.tflite")
    for frame, source in zip(frames, frames_of(tmp_path / "drive.avi"), strict=True):
        image = np.ascontiguousarray(source[..., ::-1])
        expected = overlay(image, segmenter.segment(image), get_dataset("camvid").palette)
        # The frame before or after differs by twenty; what compression changes is less.
        assert np.abs(frame[..., ::-1] - expected.astype(float)).mean() < 8


def test_predict_ends_a_video_where_asked(exported_dir, tmp_path):
    write_video(tmp_path / "drive.avi", [gray_frame(20 * i) for i in range(6)])
    settings = {"checkpoint": str(exported_dir), "output_dir": str(tmp_path), "max_frames": 4}
    section = predict.run(input=str(tmp_path / "drive.avi"), **settings)
    assert section.images == 4
    assert len(frames_of(tmp_path / "predictions" / "drive_overlay.mp4")) == 4


@pytest.mark.parametrize("workers", [1, 2])
def test_predict_keeps_the_frames_of_a_video_that_breaks_off(call, caplog, exported_dir, tmp_path, workers):
    write_cut_video(tmp_path / "cut.mkv")
    called = call(
        predict, f"--checkpoint={exported_dir}", f"--input={tmp_path}/cut.mkv", f"--workers={workers}",
        f"--output_dir={tmp_path}/out",
    )  # fmt: skip
    assert called.status == 0
    (warning,) = caplog.messages
    found = re.search(
        r"cut.mkv: ends early, after frame (\d) of 12; repair it, .*cut_overlay.mp4 has the first (\d) frames$", warning
    )
    assert found.group(1) == found.group(2)
    (written,) = (tmp_path / "out" / "predictions").glob("*.mp4")
    assert len(frames_of(written)) == int(found.group(1))


@pytest.mark.parametrize("end", [KeyboardInterrupt(), InputError("camera 0: stopped after 5 frames")])
def test_predict_keeps_what_a_camera_showed(exported_dir, tmp_path, monkeypatch, end):
    class FakeCamera(Camera):
        """No machine that runs tests has a camera."""

        def __init__(self):
            self.name, self.frames_per_second = "live", Fraction(10)

        def timed_frames(self):
            for i in range(5):
                yield Frame(gray_frame(20 * i), Fraction(i, 5), Fraction(1, 10))
            raise end

        def close(self):
            pass

    monkeypatch.setattr(inputs, "opened_video", lambda name: FakeCamera())
    settings = {"checkpoint": str(exported_dir), "output_dir": str(tmp_path), "input": "0", "workers": 1}
    if isinstance(end, InputError):
        with pytest.raises(InputError, match="camera 0: stopped after 5 frames"):
            predict.run(**settings)
    else:
        assert predict.run(**settings).images == 5
    assert len(frames_of(tmp_path / "predictions" / "live_overlay.mp4")) == 5
