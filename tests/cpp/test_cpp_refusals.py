"""What contextnet.hpp refuses: files and images that cannot be used, in one line that names them."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from cpp_programs import REQUIREMENTS, noise, run

pytestmark = REQUIREMENTS


def damaged_files(folder: pathlib.Path, whole: bytes) -> dict[str, str]:
    """Writes files that cannot be used; their names and what the error says after the name."""
    (folder / "text.tflite").write_text("no network at all")
    (folder / "empty.tflite").write_bytes(b"")
    (folder / "cut.tflite").write_bytes(whole[: len(whole) // 2])
    (folder / "folder.tflite").mkdir()
    (folder / "beside.tflite").write_bytes(whole)
    (folder / "beside.json").write_text("{}")
    doubled = tf.function(lambda x: 2.0 * x, input_signature=[tf.TensorSpec([1, 4], tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([doubled.get_concrete_function()], tf.Module())
    (folder / "other.tflite").write_bytes(converter.convert())
    wide = tf.function(
        lambda x: tf.tile(tf.cast(x, tf.float32), [1, 1, 1, 100]),
        input_signature=[tf.TensorSpec([1, 8, 8, 3], tf.uint8)],
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([wide.get_concrete_function()], tf.Module())
    (folder / "wide.tflite").write_bytes(converter.convert())
    return {
        "absent.tflite": "cannot be opened; name a .tflite file",
        "text.tflite": "is not a TFLite file; name a .tflite file",
        "empty.tflite": "cannot be read or is empty",
        "folder.tflite": "cannot be read or is empty",
        "cut.tflite": "cannot be used (reading: damaged, LiteRT status 501); export the network again",
        "beside.json": "does not describe an exported network; move it to another folder, or export again",
        "other.tflite": "takes float32 [1, 4] and gives float32 [1, 4]; a segmentation file takes uint8 [1, H, W, 3]",
        "wide.tflite": "gives float32 [1, 8, 8, 300]; a segmentation file takes",
    }


@pytest.mark.parametrize("build", ["optimized", "sanitized"])
def test_files_that_are_missing_damaged_or_of_another_kind(calls, build, files, tmp_path):
    for name, words in damaged_files(tmp_path, (files / "float32.tflite").read_bytes()).items():
        path = (tmp_path / name).with_suffix(".tflite")
        done = run(calls(build), "segment", path, "auto", 1, 1, tmp_path / "requests", tmp_path / "results")
        assert done.returncode == 1, done.stderr
        error = done.stderr.splitlines()[-1]
        assert error.startswith(f"error: {tmp_path / name}: ") and words in error


@pytest.mark.parametrize(
    ("size", "call", "mode", "threads", "workers", "words"),
    [
        (
            (65, 96),
            "segment",
            "pad",
            1,
            1,
            "an image of 65 x 96 (height x width) cannot be padded to the smaller 64 x 96",
        ),
        (
            (65, 96),
            "stream",
            "pad",
            1,
            2,
            "an image of 65 x 96 (height x width) cannot be padded to the smaller 64 x 96",
        ),
        ((0, 96), "segment", "auto", 1, 1, "an image is 0 x 96 (height x width): it has no pixels"),
        ((0, 96), "stream", "auto", 1, 1, "an image is 0 x 96 (height x width): it has no pixels"),
        ((64, 96), "segment", "auto", 0, 1, "num_threads = 0: it must be 1 or more"),
        ((64, 96), "stream", "auto", 1, -1, "workers = -1: it must be 1 or more"),
    ],
)
def test_images_and_settings_that_cannot_be_used(calls, size, call, mode, threads, workers, words, files, tmp_path):
    # Two frames before the bad one, whose labels come out, and two behind it.
    images = [noise((64, 96), 1), noise((64, 96), 2), noise(size), noise((64, 96), 3), noise((64, 96), 4)]
    with (tmp_path / "requests").open("wb") as file:
        for image in images:
            file.write(np.array(image.shape[:2], np.int32).tobytes() + image.tobytes())
    arguments = (call, files / "int8.tflite", mode, threads, workers, tmp_path / "requests", tmp_path / "results")
    done = run(calls("sanitized"), *arguments)
    assert done.returncode == 1
    assert f"error: {words}" in done.stderr.splitlines()[-1]
    written = (tmp_path / "results").stat().st_size
    assert written == (0 if "must be" in words else 2 * 64 * 96)
