"""Times, tracks, names and truncations of videos, as recorders and cutting programs write them."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from videos import encode, frames_of, gray_frame

from contextnet_tf.datasets.video import Video
from contextnet_tf.datasets.video_writer import video_writer
from contextnet_tf.errors import InputError


def grays_and_starts(path):
    return [(round(x.image.mean(), -1), float(x.start)) for x in Video(path).timed_frames()]


def duration_of(path) -> float:
    with av.open(f"file:{path}") as container:
        return container.duration / av.time_base


FIVE = [(20, 0.0), (40, 0.04), (60, 0.08), (80, 0.12), (100, 0.16)]


@pytest.mark.parametrize("suffix", ["mkv", "ts", "mp4", "mov"])
def test_a_longer_sound_track_is_no_truncation(tmp_path, suffix):
    encode(tmp_path / f"a.{suffix}", range(5), sound=2.0)
    assert grays_and_starts(tmp_path / f"a.{suffix}") == FIVE


def test_frames_before_the_start_of_a_trimmed_video_are_hidden(tmp_path):
    encode(tmp_path / "trimmed.mp4", range(-4, 4))
    assert grays_and_starts(tmp_path / "trimmed.mp4") == [(100, 0.0), (120, 0.04), (140, 0.08), (160, 0.12)]


def test_a_clock_that_does_not_begin_at_zero(tmp_path):
    encode(tmp_path / "clock.mkv", range(2500, 2505))
    assert grays_and_starts(tmp_path / "clock.mkv") == FIVE


def test_a_stream_without_times_has_its_rate(tmp_path):
    encode(tmp_path / "raw.h264", range(5))
    assert grays_and_starts(tmp_path / "raw.h264") == FIVE


def test_a_variable_rate_is_read_and_written(tmp_path):
    encode(tmp_path / "night.mkv", [0, 1, 2, 25, 50])
    frames = list(Video(tmp_path / "night.mkv").timed_frames())
    assert [x.start for x in frames] == [0, Fraction(1, 25), Fraction(2, 25), 1, 2]
    with video_writer(tmp_path / "out.mp4", 25) as add:
        for image, start, duration in frames:
            add(image, start, duration)
    assert grays_and_starts(tmp_path / "out.mp4") == [(20, 0.0), (40, 0.04), (60, 0.08), (80, 1.0), (100, 2.0)]
    assert duration_of(tmp_path / "out.mp4") == pytest.approx(2.04, abs=0.001)


def test_gaps_that_an_mp4_cannot_hold_are_shortened_with_one_warning(tmp_path, caplog):
    hour = 3600
    with video_writer(tmp_path / "out.mp4", 25) as add:
        add(gray_frame(20), Fraction(0), Fraction(6 * hour))
        add(gray_frame(40), Fraction(6 * hour), Fraction(14 * hour))
        add(gray_frame(60), Fraction(20 * hour), Fraction(1))
        add(gray_frame(80), Fraction(20 * hour + 1), Fraction(1))
        add(gray_frame(100), Fraction(600_000 * hour), Fraction(600_000 * hour))
    longest = 2_147_483_646 / 90_000  # the largest number of ticks, at 90 kHz
    starts = [0, 6 * hour, 6 * hour + longest, 6 * hour + longest + 1, 6 * hour + 2 * longest + 1]
    written = list(Video(tmp_path / "out.mp4").timed_frames())
    assert [round(x.image.mean(), -1) for x in written] == [20, 40, 60, 80, 100]
    np.testing.assert_allclose([float(x.start) for x in written], starts, atol=1e-3)
    assert float(written[-1].duration) == pytest.approx(longest)
    assert [x.getMessage() for x in caplog.records] == [
        f"{tmp_path}/out.mp4: gaps of more than 6.6 hours, the longest of an MP4, are shortened"
    ]


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(67123, 1000), Fraction(105611, 500), Fraction(1000)])
def test_every_rate_can_be_written(tmp_path, rate):
    with video_writer(tmp_path / "out.mp4", rate) as add:
        for i in range(8):
            add(gray_frame(20 * i))
    written = Video(tmp_path / "out.mp4")
    assert float(written.frames_per_second) == pytest.approx(float(rate), rel=1e-3)
    starts = [float(x.start) for x in written.timed_frames()]
    np.testing.assert_allclose(starts, np.arange(8) / float(rate), atol=1e-5)


def test_mpeg4_is_written_where_ffmpeg_has_no_h264(tmp_path, monkeypatch):
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    with video_writer(tmp_path / "out.mp4", Fraction(105611, 500)) as add:
        for i in range(4):
            add(gray_frame(40 * i))
    monkeypatch.undo()
    assert [x for x, _ in grays_and_starts(tmp_path / "out.mp4")] == [0, 40, 80, 120]
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"


def test_browsers_can_play_what_is_written(tmp_path):
    with video_writer(tmp_path / "out.mp4", 25) as add:
        add(gray_frame(0))
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0].codec_context
        assert (stream.name, stream.pix_fmt) == ("h264", "yuv420p")
    content = (tmp_path / "out.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # the index comes first


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_videos_of_phones_are_turned_upright(tmp_path, degrees):
    corner = np.zeros((64, 96, 3), np.uint8)
    corner[:20, :30] = 255
    with av.open(str(tmp_path / "phone.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.set_display_rotation(degrees)
        container.mux([*stream.encode(av.VideoFrame.from_ndarray(corner, format="rgb24")), *stream.encode(None)])
    (frame,) = Video(tmp_path / "phone.mp4").frames()
    (by_opencv,) = frames_of(tmp_path / "phone.mp4")
    assert frame.shape == by_opencv.shape
    np.testing.assert_allclose(frame, by_opencv, atol=8)


@pytest.mark.parametrize(("degrees", "expected"), [(0, Fraction(16, 11)), (90, Fraction(11, 16))])
def test_pixels_that_are_not_square_stay_so(tmp_path, degrees, expected):
    encode(tmp_path / "dvd.mp4", range(2), degrees=degrees, pixel_aspect=Fraction(16, 11))
    video = Video(tmp_path / "dvd.mp4")
    with video_writer(tmp_path / "out.mp4", 25) as add:
        for frame in video.timed_frames():
            assert video.pixel_aspect == expected
            add(*frame, video.pixel_aspect)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == expected


@pytest.mark.parametrize(
    ("matrix", "corner"), [((-1, 0, 0, 1), (0, -1)), ((1, 0, 0, -1), (-1, 0)), ((0, 1, 1, 0), (0, 0))]
)
def test_videos_that_are_stored_mirrored_are_shown_as_players_do(tmp_path, matrix, corner):
    """As front cameras do; a mirrored frame is no rotated one."""
    a, b, c, d = (x << 16 for x in matrix)
    image = np.zeros((64, 96, 3), np.uint8)
    image[:20, :30] = 255
    with av.open(str(tmp_path / "selfie.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        container.mux([*stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")), *stream.encode(None)])
    (frame,) = Video(tmp_path / "selfie.mp4").frames()
    assert frame.shape == ((96, 64, 3) if matrix[0] == 0 else (64, 96, 3)) and frame.flags.c_contiguous
    bright = {(y, x) for y in (0, -1) for x in (0, -1) if frame[y, x].mean() > 128}
    assert bright == {corner}


def test_frames_that_cannot_be_converted_are_one_line(tmp_path):
    """As those of a film in Dolby Vision, whose colors have another matrix."""
    with av.open(str(tmp_path / "film.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"x264-params": "colormatrix=ICtCp"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        container.mux([*stream.encode(av.VideoFrame(96, 64, "yuv420p")), *stream.encode(None)])
    with pytest.raises(InputError, match=r"film.mp4: FFmpeg cannot convert its frames \(96 x 64, yuv420p\) to RGB \("):
        list(Video(tmp_path / "film.mp4").frames())


@pytest.mark.parametrize("height", [2, 6, 64, 66, 270])
def test_frames_of_every_height_are_written_as_they_are(tmp_path, height):
    frame = np.full((height, 96, 3), (200, 60, 30), np.uint8)
    frame[-2:] = 255
    with video_writer(tmp_path / "out.mp4", 25) as add:
        add(frame)
    (written,) = Video(tmp_path / "out.mp4").frames()
    assert written.shape == frame.shape
    np.testing.assert_allclose(written, frame, atol=12)


def test_frames_of_several_sizes_are_written_in_the_size_of_the_first(tmp_path):
    with video_writer(tmp_path / "out.mp4", 25) as add:
        add(gray_frame(40))
        add(np.full((128, 192, 3), 80, np.uint8))
    assert [x.shape for x in frames_of(tmp_path / "out.mp4")] == [(64, 96, 3)] * 2
    with pytest.raises(InputError, match="thin.mp4: a video needs frames of at least 2 x 2 pixels"):
        with video_writer(tmp_path / "thin.mp4", 25) as add:
            add(np.zeros((64, 1, 3), np.uint8))
    with pytest.raises(
        InputError, match="wide.mp4: the encoder libx264 cannot write frames of 20000 x 16 pixels; redu"
    ):
        with video_writer(tmp_path / "wide.mp4", 25) as add:
            add(np.zeros((16, 20_000, 3), np.uint8))
    assert [x.name for x in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize("name", ["a:b", "at 12:30:00", "100%", "%03d", "~", "-i", "ünïcode 道", "a?b#c", "pipe:1"])
def test_names_mean_themselves(tmp_path, name):
    with video_writer(tmp_path / f"{name}.mp4", 25) as add:
        add(gray_frame(40))
    assert [x.name for x in tmp_path.iterdir()] == [f"{name}.mp4"]
    assert grays_and_starts(tmp_path / f"{name}.mp4") == [(40, 0.0)]


def test_what_holds_no_video(tmp_path):
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        track = container.add_stream("aac", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        silence.sample_rate = 8000
        container.mux([*track.encode(silence), *track.encode(None)])
    with pytest.raises(InputError, match="sound.mp4: is neither an image nor a video that can be read"):
        Video(tmp_path / "sound.mp4")
    # A playlist may name any address.
    encode(tmp_path / "part.ts", range(5))
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/part.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match="list.m3u8: "):
        list(Video(tmp_path / "list.m3u8").frames())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with a video of eight frames in every container: a.mp4, a.mkv and so on."""
    folder = tmp_path_factory.mktemp("whole")
    for suffix in ("mp4", "mkv", "ts", "avi"):
        encode(folder / f"a.{suffix}", range(8), **({"movflags": "faststart"} if suffix == "mp4" else {}))
    encode(folder / "a.mov", range(8), movflags="empty_moov+frag_keyframe")
    return folder


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi", "mov"])
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1))
def test_a_truncated_video_gives_its_first_frames_and_one_line(whole, tmp_path, suffix, share):
    content = (whole / f"a.{suffix}").read_bytes()
    (tmp_path / f"cut.{suffix}").write_bytes(content[: int(share * len(content))])
    read, message = [], ""
    try:
        for image in Video(tmp_path / f"cut.{suffix}").frames():
            read.append(round(image.mean(), -1))
    except InputError as error:
        message = str(error)
    # The last frame may be half gone.
    assert read[:-1] == [20 * (i + 1) for i in range(len(read) - 1)]
    # A TS says nowhere how long it is, an AVI not exactly.
    assert len(read) <= 8 and (len(read) == 8 or message or suffix == "ts" or (suffix == "avi" and len(read) > 3))
    assert "\n" not in message


def test_damage_in_the_middle_is_told_after_the_last_frame(tmp_path):
    encode(tmp_path / "whole.mkv", range(8))
    with av.open(str(tmp_path / "whole.mkv")) as container:
        packets = [bytes(x) for x in container.demux(video=0) if x.size]
    content = (tmp_path / "whole.mkv").read_bytes()
    start = content.index(packets[3])
    (tmp_path / "hole.mkv").write_bytes(content[:start] + bytes(len(packets[3])) + content[start + len(packets[3]) :])
    read = []
    with pytest.raises(InputError, match=r"hole.mkv: is damaged in 1 place\(s\); frames may be missing"):
        for image in Video(tmp_path / "hole.mkv").frames():
            read.append(image)
    assert len(read) == 7
    assert cv2.utils.logging.getLogLevel() != cv2.utils.logging.LOG_LEVEL_SILENT
