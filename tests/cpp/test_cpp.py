"""contextnet.hpp: compiled with warnings as errors and with sanitizers, the same labels as Python's at every pixel."""

import importlib.util
import pathlib
import re
import shutil
import subprocess

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from statistics_of_a_trained_network import with_statistics

from contextnet_tf.benchmarking.cpp import ROWS, compare_cpp
from contextnet_tf.benchmarking.protocol import Timing
from contextnet_tf.deployment.export import export_tflite
from contextnet_tf.deployment.resizing import fit_labels, resize_image
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError
from contextnet_tf.models.registry import build_model
from experiments import benchmark_cpp

ROOT = pathlib.Path(__file__).parents[2]
LITERT = pathlib.Path(importlib.util.find_spec("ai_edge_litert").origin).parent
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-Werror"]
LINKED = [str(LITERT / "libLiteRt.so"), f"-Wl,-rpath,{LITERT}", "-pthread"]
SANITIZED = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# Compiler and flags. A compiler fuses a product and a sum where the processor can; the header keeps it from that.
BUILDS = {
    "optimized": ["g++", "-O3", *LINKED],
    "native": ["g++", "-O3", "-march=native", *LINKED],
    "clang": ["clang++", "-O3", "-march=native", *LINKED],
    "sanitized": ["g++", *SANITIZED, *LINKED],
    "threads": ["g++", "-O1", "-g", "-fsanitize=thread", *LINKED],
    # For ARM, run by emulation, all but LiteRT itself.
    "aarch64": ["aarch64-linux-gnu-g++", "-O3", "-static", "-Wl,--unresolved-symbols=ignore-all"],
}
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

pytestmark = [
    pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed"),
    pytest.mark.skipif(not (LITERT / "libLiteRt.so").exists(), reason="the wheel of LiteRT has no libLiteRt.so"),
]


def compile_cpp(source: str, program: pathlib.Path, compiler: str, *flags: str) -> list[str]:
    """Compiles one C++ file and returns how to call it; whatever the compiler says fails the test."""
    command = [compiler, "-std=c++17", *WARNINGS, f"-I{ROOT / 'cpp'}", str(ROOT / source), "-o", str(program), *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [*(["qemu-aarch64"] if compiler.startswith("aarch64") else []), str(program)]


@pytest.fixture(scope="session")
def calls(tmp_path_factory):
    """`calls(build)`: how to call the program of calls.cpp, compiled once for each of BUILDS."""
    folder, compiled = tmp_path_factory.mktemp("builds"), {}

    def program(build: str) -> list[str]:
        needed = [BUILDS[build][0], *(["qemu-aarch64"] if build == "aarch64" else [])]
        missing = [tool for tool in needed if shutil.which(tool) is None]
        if missing:
            pytest.skip(f"not installed: {', '.join(missing)}")
        if build not in compiled:
            compiled[build] = compile_cpp("tests/cpp/calls.cpp", folder / build, *BUILDS[build])
        return compiled[build]

    return program


def run(program: list[str], *arguments) -> subprocess.CompletedProcess:
    return subprocess.run([*program, *map(str, arguments)], capture_output=True, text=True)


def labels_of(program, call, model, images, tmp_path, *, mode="auto", threads=1, workers=2) -> list[np.ndarray]:
    """The labels that the C++ program gives for the images."""
    requests, results = tmp_path / "requests", tmp_path / "results"
    with requests.open("wb") as file:
        for image in images:
            file.write(np.array(image.shape[:2], np.int32).tobytes() + image.tobytes())
    done = run(program, call, model, mode, threads, workers, requests, results)
    assert done.returncode == 0, done.stderr
    assert "XNNPACK delegate" in done.stderr  # the one line that LiteRT writes: it has started XNNPACK
    sizes = [image.shape[:2] for image in images]
    parts = np.split(np.fromfile(results, np.uint8), np.cumsum([h * w for h, w in sizes]))
    assert not parts.pop().size
    return [part.reshape(size) for part, size in zip(parts, sizes, strict=True)]


def noise(size, seed=0) -> np.ndarray:
    return np.random.default_rng([seed, *size]).integers(0, 256, (*size, 3), dtype=np.uint8)


def smooth(size) -> np.ndarray:
    """An image as a camera's: colors that change over many pixels."""
    y, x = np.mgrid[: size[0], : size[1]][..., None] / 17
    return (127 + 63 * np.sin(y + np.arange(3)) + 63 * np.cos(1.3 * x - np.arange(3))).astype(np.uint8)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Exported files of a small network with overlapping 16 x 16 convolutions, for images of 64 x 96, by name."""
    keras.utils.set_random_seed(0)
    image = keras.Input((64, 96, 3))
    features = keras.layers.Conv2D(8, 16, strides=8, padding="same", activation="relu")(image)
    small = keras.layers.Conv2D(19, 3, padding="same", name="classifier")(features)
    network = keras.Model(image, {"main": keras.layers.UpSampling2D(8, interpolation="bilinear", name="main")(small)})
    folder = tmp_path_factory.mktemp("files")
    for name, precision, output in (
        ("float32", "float32", "logits"),
        ("float16", "float16", "logits"),
        ("int8", "int8", "logits"),
        ("labels", "float32", "labels"),
        ("probabilities", "float32", "probabilities"),
    ):
        calibration = [smooth((64, 96)), noise((64, 96))]
        export_tflite(network, folder / f"{name}.tflite", precision, output=output, calibration=calibration)
    return folder


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


def write_ppm(path: pathlib.Path, image: np.ndarray) -> None:
    path.write_bytes(b"P6 # a comment\n%d %d\n255\n" % (image.shape[1], image.shape[0]) + image.tobytes())


def test_the_example_labels_ppm_images(files, tmp_path):
    segment = compile_cpp("cpp/segment.cpp", tmp_path / "segment", "g++", "-O1", *LINKED)
    images = {f"frame{i}": smooth((64 + i, 90 + i)) for i in range(4)}
    for name, image in images.items():
        write_ppm(tmp_path / f"{name}.ppm", image)
    done = run(segment, files / "float32.tflite", tmp_path, *(tmp_path / f"{name}.ppm" for name in images))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(tmp_path / f"{name}.pgm") for name in images]
    segmenter = Segmenter(files / "float32.tflite")
    for name, image in images.items():
        header = b"P5\n%d %d\n255\n" % (image.shape[1], image.shape[0])
        assert (tmp_path / f"{name}.pgm").read_bytes() == header + segmenter.segment(image).tobytes()


def test_the_example_says_what_is_wrong_with_an_image(files, tmp_path):
    segment = compile_cpp("cpp/segment.cpp", tmp_path / "segment", *BUILDS["sanitized"])
    (tmp_path / "cut.ppm").write_bytes(b"P6\n4 4\n255\n1234")
    (tmp_path / "deep.ppm").write_bytes(b"P6\n4 4\n65535\n1234")
    (tmp_path / "gray.ppm").write_bytes(b"P5\n1 1\n255\n1")
    (tmp_path / "header.ppm").write_bytes(b"P6\nfour 4\n255\n1")
    for name, words in {
        "absent": "cannot be opened",
        "cut": "is cut off",
        "deep": "is 4 x 4 with values to 65535",
        "gray": "is not a PPM image (P6)",
        "header": "its PPM header is damaged",
    }.items():
        done = run(segment, files / "float32.tflite", tmp_path, tmp_path / f"{name}.ppm")
        assert done.returncode == 1
        assert f"error: {tmp_path / name}.ppm: {words}" in done.stderr


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
def test_cmake_finds_litert_in_a_folder_and_says_where_it_is_not(tmp_path):
    configure = ["cmake", "-S", str(ROOT / "cpp"), "-B", str(tmp_path / "build")]
    done = run(configure, f"-DLITERT_DIR={tmp_path}")
    assert done.returncode != 0
    assert f"libLiteRt.so was not found in '{tmp_path}'" in " ".join(done.stderr.split())
    done = run(configure, f"-DLITERT_DIR={LITERT}", "-DCMAKE_DISABLE_FIND_PACKAGE_OpenCV=ON")
    assert done.returncode == 0, done.stderr
    done = run(["cmake", "--build", str(tmp_path / "build")])
    assert done.returncode == 0, done.stderr + done.stdout
    assert "usage:" in run([str(tmp_path / "build/segment")]).stderr


def test_arithmetic_that_is_not_ieees_is_refused(tmp_path):
    (tmp_path / "program.cpp").write_text('#include "contextnet.hpp"\n')
    done = run(["g++", "-std=c++17", "-fsyntax-only", "-ffast-math", f"-I{ROOT / 'cpp'}"], tmp_path / "program.cpp")
    assert "compile without -ffast-math" in done.stderr


@pytest.mark.parametrize(
    "compiler", [["g++", "-march=native"], ["clang++", "-march=native"], ["aarch64-linux-gnu-g++"]]
)
def test_no_product_and_sum_are_fused_but_those_of_the_caller(compiler, tmp_path):
    objdump = "aarch64-linux-gnu-objdump" if compiler[0].startswith("aarch64") else "objdump"
    if shutil.which(compiler[0]) is None or shutil.which(objdump) is None:
        pytest.skip(f"not installed: {compiler[0]} or {objdump}")
    caller = """
        #include "contextnet.hpp"
        float fused(float a, float b, float c) { return a * b + c; }
        contextnet::Labels labels(const float* x) { return contextnet::upsample_argmax(x, {3, 4}, 5, {24, 32}); }
    """
    (tmp_path / "caller.cpp").write_text(caller)
    done = run(
        [*compiler, "-std=c++17", "-O3", "-c", f"-I{ROOT / 'cpp'}", "-o"],
        tmp_path / "caller.o",
        tmp_path / "caller.cpp",
    )
    assert done.returncode == 0, done.stderr
    functions = re.split(r"\n\n[0-9a-f]+ ", run([objdump, "-d"], tmp_path / "caller.o").stdout)
    fusing = [
        text.split(">", 1)[0] for text in functions if re.search(r"\t(vfn?m(add|sub)|fn?m(add|sub)|fml[as])", text)
    ]
    if compiler[0].startswith("aarch64") or "fma" in pathlib.Path("/proc/cpuinfo").read_text():
        assert fusing == ["<_Z5fusedfff"]


def test_frames_are_timed_beside_pythons(files, tmp_path):
    time_segment, *_ = compile_cpp("cpp/time_segment.cpp", tmp_path / "time_segment", "g++", "-O1", *LINKED)
    cv2.imwrite(str(tmp_path / "image.png"), smooth((64, 96)))
    arguments = {"checkpoint": str(files / "int8.tflite"), "image": str(tmp_path / "image.png")}
    timings = benchmark_cpp.run(**arguments, program=time_segment, rounds=2)
    assert list(timings) == ["python", "c++", "python, stream", "c++, stream"]
    assert all(timing.milliseconds > 0 for timing in timings.values())
    with pytest.raises(InputError, match="absent: cannot be started .*; compile it first"):
        benchmark_cpp.run(**arguments, program=str(tmp_path / "absent"), rounds=1)
    with pytest.raises(InputError, match="false: ended"):
        benchmark_cpp.run(**arguments, program="false", rounds=1)
    with pytest.raises(InputError, match=r"the image is \(8, 8\) .*int8.tflite takes \(64, 96\)"):
        compare_cpp(files / "int8.tflite", time_segment, smooth((8, 8)), rounds=1)


def test_the_table_of_timings_by_hand():
    timings = {name: Timing(ms, (ms - 1, ms + 1), {}) for name, ms in zip(ROWS, (20.0, 15.0, 12.0, 9.0), strict=True)}
    lines = [line.split() for line in benchmark_cpp.table(timings).splitlines()]
    assert lines[1] == ["python", "20.0", "19.0", "to", "21.0", "1.00"]
    assert lines[2] == ["c++", "15.0", "14.0", "to", "16.0", "0.75"]
    assert lines[4] == ["c++,", "stream", "9.0", "8.0", "to", "10.0", "0.75"]
