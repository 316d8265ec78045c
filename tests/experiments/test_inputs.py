"""What --input takes for an image, and what it leaves out."""

import os
import re

import cv2
import numpy as np
import pytest
from PIL import Image
from videos import gray_frame, write_video

from contextnet_tf.errors import InputError
from experiments import inputs

PIXELS = np.full((8, 12, 3), (10, 20, 30), np.uint8)


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM"])
@pytest.mark.parametrize("name", ["photo", "photo.image", "photo.PNG~"])
def test_an_image_is_an_image_whatever_its_name(tmp_path, image_format, name):
    Image.fromarray(PIXELS).save(tmp_path / name, image_format)
    assert inputs.opened_video(str(tmp_path / name)) is None
    count, items = inputs.named_images(str(tmp_path / name))
    (item,) = items
    assert (count, item.name) == (1, "photo")
    np.testing.assert_allclose(item.image, PIXELS, atol=4)


@pytest.mark.parametrize(("suffix", "kind"), [("avif", "HEIC or AVIF"), ("jp2", "JPEG 2000 or JPEG XL")])
def test_images_of_formats_that_are_not_supported_are_no_videos(tmp_path, suffix, kind):
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(PIXELS).save(path)
    assert inputs.opened_video(str(path)) is None
    _, items = inputs.named_images(str(path))
    with pytest.raises(InputError, match=f"photo.{suffix}: is a {kind} file, which is not supported; convert it"):
        list(items)


@pytest.mark.parametrize("suffix", ["pcx", "tga", "ico"])
def test_images_that_only_ffmpeg_reads_are_no_videos(tmp_path, suffix):
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(path)
    with pytest.raises(
        InputError, match=f"/photo.{suffix}: is an image, not a video; images are read in the formats P"
    ):
        inputs.opened_video(str(path))


@pytest.mark.parametrize(
    ("one", "other", "remedy"),
    [
        ("a/x.png", "b/x.png", "segment them one folder at a time"),
        ("x.jpg", "x.png", "segment them one kind, such as '*.png', at a time"),
        ("e\u0301.png", "\u00e9.png", "rename one of them"),  # as macOS and as Linux write é
    ],
)
def test_images_of_the_same_name_are_told_apart(tmp_path, one, other, remedy):
    for name in (one, other):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=f": has the same name as .*; {re.escape(remedy)}$"):
        inputs.named_images(f"{tmp_path}/**")


@pytest.mark.parametrize("name", ["drive", "drive.avi", "drive.mjpeg", "drive.gif"])
def test_a_video_is_a_video_whatever_its_name(tmp_path, name):
    if name == "drive.mjpeg":  # begins like a JPEG file
        jpeg = cv2.imencode(".jpg", gray_frame(80))[1].tobytes()
        (tmp_path / name).write_bytes(3 * jpeg)
    elif name == "drive.gif":
        first, *others = (Image.fromarray(gray_frame(40 * i)) for i in (1, 2, 3))
        first.save(tmp_path / name, save_all=True, append_images=others)
    else:
        write_video(tmp_path / "x.avi", [gray_frame(40 * i) for i in (1, 2, 3)])
        (tmp_path / "x.avi").rename(tmp_path / name)
    video = inputs.opened_video(str(tmp_path / name))
    assert len(list(video.frames())) == 3


@pytest.mark.parametrize(
    ("pattern", "skipped"),
    [("", "clip.mp4, notes, old.heic"), ("*", "clip.mp4, notes, old.heic"), ("*.heic", "old.heic")],
)
def test_what_a_folder_or_pattern_leaves_out_is_named(tmp_path, capsys, pattern, skipped):
    for name in ("clip.mp4", "notes", "old.heic"):
        (tmp_path / name).write_bytes(b"x")
    cv2.imwrite(str(tmp_path / "a.png"), PIXELS)
    given = f"{tmp_path}/{pattern}" if pattern else str(tmp_path)
    if pattern == "*.heic":
        with pytest.raises(InputError, match="no images found; give an image, a folder of images, .*, one video or"):
            inputs.named_images(given)
    else:
        assert inputs.named_images(given)[0] == 1
    skipping = "skipped, since the name does not match or is not that of an image"
    assert capsys.readouterr().err == f"note: {given}: {skipping}: {skipped}\n"


def test_a_name_that_exists_is_no_pattern(tmp_path):
    for name in ("photo[1].jpg", "photo1.jpg", "clips[1]/a.png", "clips1/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), PIXELS)
    for given, names in (
        ("photo[1].jpg", ["photo[1]"]),
        ("photo[12].jpg", ["photo1"]),
        ("clips[1]", ["a"]),
        ("clips[1]/*.png", ["a"]),
        ("clips[1]/a.png", ["a"]),
    ):
        _, items = inputs.named_images(f"{tmp_path}/{given}")
        assert [item.name for item in items] == names


def test_a_file_that_is_missing_is_said_to_be(tmp_path):
    for name, reason in (("gone.png", "there is no such file or folder"), ("gone*.png", "no images found")):
        with pytest.raises(InputError, match=rf"/{re.escape(name)}: {reason}; give an image, a folder of images, a qu"):
            inputs.named_images(f"{tmp_path}/{name}")


def test_a_pipe_is_no_image(tmp_path):
    for name in ("pipe", "pipe.png"):
        os.mkfifo(tmp_path / name)
        assert inputs.opened_video(str(tmp_path / name)) is None
        with pytest.raises(InputError) as refused:
            inputs.named_images(str(tmp_path / name))
        assert str(refused.value) == (
            f"{tmp_path}/{name}: is a pipe, socket or device, not a regular file; give an image, a folder of images, a "
            "quoted pattern, one video or a camera's number"
        )


def test_long_names_leave_room_for_the_suffixes_of_outputs(tmp_path):
    cv2.imwrite(str(tmp_path / ("x" * 250 + ".png")), PIXELS)
    (tmp_path / os.fsdecode(b"M\xfcnchen.png")).write_bytes(cv2.imencode(".png", PIXELS)[1].tobytes())
    _, items = inputs.named_images(str(tmp_path))
    first, second = sorted(item.name for item in items)
    assert first == os.fsdecode(b"M\xfcnchen") and len(second) == 180
    write_video(tmp_path / "drive.avi", [gray_frame(40)])
    video = (tmp_path / "drive.avi").rename(tmp_path / ("x" * 250 + ".avi"))
    assert inputs.opened_video(str(video)).name == second


def test_a_pattern_says_nothing_of_files_that_it_does_not_name(tmp_path, capsys):
    (tmp_path / "old.heic").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    cv2.imwrite(str(tmp_path / "a.png"), PIXELS)
    assert inputs.named_images(f"{tmp_path}/*.png")[0] == 1
    assert capsys.readouterr().err == ""
