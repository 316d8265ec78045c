"""PNG files that are whole or not there."""

import errno
import resource

import cv2
import numpy as np
import pytest
from PIL import Image

from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write, read_png_text, write_png

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)


@pytest.fixture
def little_space():
    """No file grows beyond a kilobyte, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_image_comes_back(tmp_path):
    for image in (NOISE, NOISE.astype(np.uint16) * 257, np.stack([NOISE, NOISE.T, NOISE], axis=-1)):
        write_png(tmp_path / "new" / "image.png", image)
        np.testing.assert_array_equal(cv2.imread(str(tmp_path / "new" / "image.png"), cv2.IMREAD_UNCHANGED), image)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["image.png"]


def test_texts_are_stored_beside_the_pixels(tmp_path):
    path = tmp_path / "image.png"
    write_png(path, NOISE, text={"one": "1", "two words": "a b"})
    content = path.read_bytes()
    assert b"\0\0\0\x05tEXtone\x001" in content
    assert [read_png_text(path, name) for name in ("one", "two words", "two")] == ["1", "a b", None]
    with Image.open(path) as image:  # refuses wrong checksums
        assert image.text == {"one": "1", "two words": "a b"}
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), NOISE)
    for damaged in (content[:40], b"", b"no image"):
        path.write_bytes(damaged)
        assert read_png_text(path, "two") is None
    assert read_png_text(tmp_path / "absent.png", "one") is None


def test_the_file_is_named_where_an_error_of_writing_names_none_or_the_temporary_one(tmp_path):
    """Those of `file.write` and of h5py have no file name, and h5py's no number."""
    for error, reason in (
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (OSError("Can't synchronously write data"), "Can't synchronously write data"),
    ):
        with pytest.raises(InputError, match=rf"/a.png: cannot be written \({reason}\)$"):
            with atomic_write(tmp_path / "a.png"):
                raise error
    with pytest.raises(InputError, match=r"/a.png: cannot be written \(Is a directory\)$"):
        with atomic_write(tmp_path / "a.png") as temporary:
            temporary.mkdir()
            try:
                temporary.write_text("a")
            finally:
                temporary.rmdir()


@pytest.mark.parametrize("error", [BrokenPipeError(), FileNotFoundError(2, "No such file or directory", "b.png")])
def test_errors_of_other_files_and_of_the_output_pass_through(error, tmp_path):
    with pytest.raises(type(error)) as raised:
        with atomic_write(tmp_path / "a.png"):
            raise error
    assert raised.value is error


def test_on_a_full_disk_the_older_file_stays(tmp_path, little_space):
    path = tmp_path / "image.png"
    write_png(path, np.zeros((8, 8), np.uint8))
    with pytest.raises(
        InputError, match=r"image.png: cannot be written \(File too large\); free disk space and start again$"
    ):
        write_png(path, NOISE)
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.zeros((8, 8)))
    assert [path.name for path in tmp_path.iterdir()] == ["image.png"]
