"""contextnet.hpp: compiled with warnings as errors and with sanitizers, the same labels as Python's at every pixel."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from cpp_programs import REQUIREMENTS, labels_of, noise, run, smooth
from statistics_of_a_trained_network import with_statistics

from contextnet_tf.deployment.export import export_tflite
from contextnet_tf.deployment.resizing import fit_labels, resize_image
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.models.registry import build_model

pytestmark = REQUIREMENTS

SIZES = [
    (64, 96),
    (61, 90),
    (64, 65),
    (33, 64),
    (70, 100),
    (128, 192),
    (192, 192),
    (128, 97),
    (31, 200),
    (1, 1),
    (5, 300),
]


def kinds_of_logits():
    """Logits whose labels rounding decides, and ordinary ones: (logits, size) pairs."""
    random = np.random.default_rng(4)
    sizes = [(24, 56), (24, 56), (8, 7), (3, 7), (37, 41), (1, 1), (5, 100), (40, 9)]
    for size in sizes:
        for classes in (1, 2, 19, 256):
            shape = (3, 7, classes)
            yield random.normal(size=shape) * 5, size
            yield random.integers(0, 3, shape) * 0.7, size  # ties
            yield 1 + random.integers(-4, 5, shape) * 2.0**-24, size  # differences of rounding units
            near = np.repeat(random.uniform(1, 100, (3, 7, 1)).astype(np.float32), classes, axis=2)
            near[..., 1:] = np.nextafter(near[..., 1:], np.float32(1000))
            yield near, size  # class 1 leads by one rounding unit
            yield random.normal(size=shape) * 10.0 ** random.integers(-30, 30, shape), size
    large = random.normal(size=(16, 32, 19)).cumsum(axis=0).cumsum(axis=1)
    yield from ((large, (128, 256)), (large, (100, 333)), (np.zeros((4, 4, 3)), (32, 32)))


@pytest.mark.parametrize("build", ["native", "clang", "sanitized", "aarch64"])
def test_upsampling_equals_tensorflows_at_every_pixel(calls, build, tmp_path):
    cases = [(logits.astype(np.float32), size) for logits, size in kinds_of_logits()]
    with (tmp_path / "requests").open("wb") as file:
        for logits, size in cases:
            file.write(np.array([*logits.shape, *size], np.int32).tobytes() + logits.tobytes())
    done = run(calls(build), "upsample", tmp_path / "requests", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    results = np.split(np.fromfile(tmp_path / "results", np.uint8), np.cumsum([h * w for _, (h, w) in cases])[:-1])
    for (logits, size), result in zip(cases, results, strict=True):
        dense = tf.argmax(tf.image.resize(logits[None], size), axis=-1)[0].numpy()
        np.testing.assert_array_equal(result.reshape(size), dense)


@pytest.mark.parametrize("build", ["optimized", "native", "sanitized"])
@pytest.mark.parametrize("name", ["float32", "float16", "int8", "labels", "probabilities"])
def test_labels_equal_pythons_for_images_of_any_size(calls, build, name, files, tmp_path):
    model = files / f"{name}.tflite"
    images = [kind(size) for size in SIZES for kind in (noise, smooth)]
    expected = [Segmenter(model).segment(image) for image in images]
    assert len(np.unique(expected[0])) > 5
    for found, labels in zip(labels_of(calls(build), "segment", model, images, tmp_path), expected, strict=True):
        np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize("mode", ["resize", "pad"])
@pytest.mark.parametrize("name", ["float32", "labels"])
def test_resize_modes(calls, mode, name, files, tmp_path):
    model = files / f"{name}.tflite"
    images = [noise(size) for size in SIZES if mode == "resize" or (size[0] <= 64 and size[1] <= 96)]
    segmenter = Segmenter(model, resize_mode=mode)
    for image, found in zip(
        images, labels_of(calls("optimized"), "segment", model, images, tmp_path, mode=mode), strict=True
    ):
        np.testing.assert_array_equal(found, segmenter.segment(image))


@pytest.mark.parametrize("build", ["native", "clang", "sanitized", "aarch64"])
def test_resizing_equals_opencvs_at_every_pixel(calls, build, tmp_path):
    random = np.random.default_rng(7)
    sizes = random.integers(1, 120, (200, 4)).tolist()  # height and width, before and after
    sizes += [
        [a * h, b * w, h, w] for a in (1, 2, 3, 5) for b in (1, 2, 3, 5) for h, w in ((8, 12), (7, 5)) if a * b > 1
    ]
    sizes += [[720, 1280, 256, 512], [360, 480, 256, 512], [1080, 1920, 1024, 2048], [1, 1, 64, 96], [300, 2, 2, 300]]
    images = [noise(size[:2]) for size in sizes]
    with (tmp_path / "requests").open("wb") as file:
        for size, image in zip(sizes, images, strict=True):
            file.write(np.array(size, np.int32).tobytes() + image.tobytes())
    done = run(calls(build), "resize", tmp_path / "requests", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    results = np.fromfile(tmp_path / "results", np.uint8)
    for (old_height, old_width, height, width), image in zip(sizes, images, strict=True):
        resized, labels, results = np.split(results, [3 * height * width, 4 * height * width])
        np.testing.assert_array_equal(resized.reshape(height, width, 3), resize_image(image, (height, width), -1))
        old_labels = image.reshape(-1)[: old_height * old_width].reshape(old_height, old_width)
        np.testing.assert_array_equal(labels.reshape(height, width), fit_labels(old_labels, (height, width), -1))
    assert not results.size


@pytest.mark.parametrize(("build", "workers"), [("optimized", 1), ("optimized", 3), ("sanitized", 2), ("threads", 2)])
def test_a_stream_gives_every_frames_labels_in_order(calls, build, workers, files, tmp_path):
    model, images = files / "int8.tflite", [noise(SIZES[i % 5], seed=i) for i in range(12)]
    segmenter = Segmenter(model)
    found = labels_of(calls(build), "stream", model, images, tmp_path, workers=workers)
    for image, labels in zip(images, found, strict=True):
        np.testing.assert_array_equal(labels, segmenter.segment(image))


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_cn14_with_several_threads(calls, precision, tmp_path):
    keras.utils.set_random_seed(0)
    network = with_statistics(build_model("cn14", input_shape=(64, 128, 3)))
    images = [noise((64, 128)), smooth((64, 128)), noise((50, 127)), noise((100, 300))]
    export_tflite(network, tmp_path / "model.tflite", precision, calibration=images[:2])
    segmenter = Segmenter(tmp_path / "model.tflite")
    assert segmenter.segment(images[2]).shape == (50, 127)
    for threads in (1, 2):
        found = labels_of(calls("optimized"), "segment", tmp_path / "model.tflite", images, tmp_path, threads=threads)
        for image, labels in zip(images, found, strict=True):
            np.testing.assert_array_equal(labels, segmenter.segment(image))


def test_size_and_classes_are_told(calls, files, tmp_path):
    nothing = tmp_path / "requests"
    nothing.write_bytes(b"")
    done = run(calls("optimized"), "segment", files / "float32.tflite", "auto", 1, 1, nothing, tmp_path / "results")
    assert done.stdout == "64 96 19 8\n"
    done = run(calls("optimized"), "segment", files / "labels.tflite", "auto", 1, 1, nothing, tmp_path / "results")
    assert done.stdout == "64 96 19 8\n"
    # Without metadata the size multiple is the least that it can be.
    shutil.copy(files / "labels.tflite", tmp_path / "alone.tflite")
    done = run(calls("optimized"), "segment", tmp_path / "alone.tflite", "auto", 1, 1, nothing, tmp_path / "results")
    assert done.stdout == "64 96 256 1\n"
