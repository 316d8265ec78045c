"""Frames of videos, and videos of frames: whole, cut off, not there."""

import contextlib

import cv2
import numpy as np
import pytest
from PIL import Image
from videos import encode, frames_of, gray_frame, write_cut_video, write_video

from contextnet_tf.datasets.video import Camera, Video
from contextnet_tf.datasets.video_writer import video_writer
from contextnet_tf.errors import InputError


@pytest.mark.parametrize("container", ["avi", "mkv"])
def test_frames_of_a_file_are_rgb_and_in_order(tmp_path, container):
    blue = np.zeros((64, 96, 3), np.uint8)
    blue[..., 0] = 255  # BGR
    path = tmp_path / f"drive.{container}"
    write_video(path, [blue, *(gray_frame(20 * i) for i in range(1, 5))])
    video = Video(path)
    assert (video.name, video.is_live, video.frames_per_second, video.num_frames) == ("drive", False, 10.0, 5)
    frames = list(video.frames())
    assert [x.shape for x in frames] == [(64, 96, 3)] * 5 and frames[0].dtype == np.uint8
    np.testing.assert_allclose(frames[0][30, 40], (0, 0, 255), atol=8)  # JPEG changes colors a little
    assert [round(x.mean(), -1) for x in frames[1:]] == [20, 40, 60, 80]


def test_a_video_that_breaks_off_says_where_after_its_frames(tmp_path):
    write_cut_video(tmp_path / "cut.mkv")
    count = len(frames_of(tmp_path / "cut.mkv"))
    assert 0 < count < 12
    frames = Video(tmp_path / "cut.mkv").frames()
    for _ in range(count):
        next(frames)
    with pytest.raises(
        InputError, match=f"cut.mkv: ends early, after frame {count} of 12; .* the first {count} frames"
    ):
        next(frames)


def test_what_cannot_be_opened(tmp_path, capfd):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(InputError, match="text.mp4: is neither an image nor a video that can be read, or is truncated"):
        Video(tmp_path / "text.mp4")
    # Without its whole index, an MP4 has no frame that could be read.
    with video_writer(tmp_path / "whole.mp4", 10) as add:
        for i in range(12):
            add(gray_frame(20 * i))
    content = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: content.index(b"trak")])
    with pytest.raises(InputError, match="cut.mp4: is neither an image nor a video that can be read, or is truncated"):
        Video(tmp_path / "cut.mp4")
    with pytest.raises(InputError, match="absent.mp4: is not a file; give a video or the number of a camera"):
        Video(tmp_path / "absent.mp4")
    capfd.readouterr()
    with pytest.raises(
        InputError, match="camera 97: cannot be opened; is it connected, and not in use by another program?"
    ):
        Camera(97)
    assert capfd.readouterr().err == ""  # the one line is ours


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG"), (1, None), (None, None)])
def test_an_hdr_video_is_read_with_a_warning_and_the_command_that_converts_it(
    tmp_path, caplog, container, transfer, name
):
    path = tmp_path / f"my drive.{container}"
    encode(path, range(12), transfer=transfer)
    assert len(list(Video(path).frames())) == 12
    expected = [] if name is None else [
        f"{path}: is an HDR video ({name}), which is read without tone mapping; its colors are wrong, and labels may "
        f"be wrong. Convert it first: ffmpeg -i 'file:{path}' -vf zscale=t=linear:npl=100,format=gbrpf32le,zscale="
        "p=bt709,tonemap=hable,zscale=t=bt709:m=bt709:r=tv,format=yuv420p "
        f"'file:{tmp_path}/my drive_sdr.mp4'"
    ]  # fmt: skip
    assert caplog.messages == expected


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
def test_an_interlaced_video_is_read_with_a_warning_and_the_command_that_converts_it(tmp_path, caplog, container):
    path = tmp_path / f"my drive.{container}"
    encode(path, range(12), interlaced=True)
    assert len(list(Video(path).frames())) == 12
    assert caplog.messages == [
        f"{path}: is interlaced; each frame shows two moments in alternate rows, so what moves is torn, and labels may "
        f"be wrong. Convert it first: ffmpeg -i 'file:{path}' -vf bwdif=mode=send_frame "
        f"'file:{tmp_path}/my drive_progressive.mp4'"
    ]


def test_a_video_is_written_whole(tmp_path):
    with video_writer(tmp_path / "new" / "out.mp4", 12.5) as add:
        for i in range(5):
            add(gray_frame(40 * i))
    assert [x.name for x in (tmp_path / "new").iterdir()] == ["out.mp4"]
    video = Video(tmp_path / "new" / "out.mp4")
    assert (video.frames_per_second, video.num_frames) == (12.5, 5)
    assert [round(x.mean(), -1) for x in video.frames()] == [0, 40, 80, 120, 160]


def test_colors_and_odd_sizes_of_a_written_video(tmp_path):
    frame = np.zeros((33, 47, 3), np.uint8)
    frame[..., 0] = 200  # RGB
    with video_writer(tmp_path / "out.mp4", 10) as add:
        add(frame)
    (written,) = frames_of(tmp_path / "out.mp4")
    assert written.shape == (32, 46, 3)
    np.testing.assert_allclose(written[16, 20], (0, 0, 200), atol=8)


def test_a_video_that_is_not_finished_leaves_nothing(tmp_path):
    (tmp_path / "out.mp4").write_text("older")
    with pytest.raises(KeyError):
        with video_writer(tmp_path / "out.mp4", 10) as add:
            add(gray_frame(0))
            raise KeyError
    with pytest.raises(InputError, match="out.mp4: no frame to write"):
        with video_writer(tmp_path / "out.mp4", 10):
            pass
    assert [(x.name, x.read_text()) for x in tmp_path.iterdir()] == [("out.mp4", "older")]
    assert cv2.utils.logging.getLogLevel() != cv2.utils.logging.LOG_LEVEL_SILENT


@pytest.mark.parametrize(("share", "count"), [(0.3, 2), (0.8, 5), (0.999, 6), (1, 6)])
def test_a_gif_that_is_cut_off_says_so_after_its_frames(tmp_path, share, count):
    rng, path = np.random.default_rng(0), tmp_path / "drive.gif"
    first, *others = (Image.fromarray(rng.integers(0, 256, (64, 96, 3), np.uint8)) for _ in range(6))
    first.save(path, save_all=True, append_images=others, duration=100)
    content = path.read_bytes() + b"what follows"
    path.write_bytes(content if share == 1 else content[: int(share * len(content))])
    frames = []
    ends = (
        contextlib.nullcontext() if share == 1 else pytest.raises(InputError, match=f"ends early, after frame {count}")
    )
    with ends:
        for frame in Video(path).frames():
            frames.append(frame)
    assert len(frames) == count
