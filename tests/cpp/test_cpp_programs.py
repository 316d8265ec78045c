"""The C++ programs beside the header: the example, CMake, compilers' options, and the timing beside Python's."""

import pathlib
import re
import shutil

import cv2
import numpy as np
import pytest
from cpp_programs import BUILDS, LINKED, LITERT, REQUIREMENTS, ROOT, compile_cpp, run, smooth

from contextnet_tf.benchmarking.cpp import ROWS, compare_cpp
from contextnet_tf.benchmarking.protocol import Timing
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError
from contextnet_tf.presets import preset_dir
from experiments import benchmark_cpp

pytestmark = REQUIREMENTS


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


def test_another_program_is_refused_and_not_waited_for(tmp_path):
    (tmp_path / "other").write_text("#!/bin/sh\nhead -c 1000000 /dev/urandom\n")  # more than a pipe holds
    (tmp_path / "other").chmod(0o755)
    file = preset_dir("cn14-160-camvid") / "export/model_int8.tflite"
    with pytest.raises(InputError, match=f"^{tmp_path}/other: ended, or is not the compiled cpp/time_segment.cpp$"):
        compare_cpp(file, tmp_path / "other", smooth((384, 480)), rounds=1)


def test_the_table_of_timings_by_hand():
    timings = {name: Timing(ms, (ms - 1, ms + 1), {}) for name, ms in zip(ROWS, (20.0, 15.0, 12.0, 9.0), strict=True)}
    lines = [line.split() for line in benchmark_cpp.table(timings).splitlines()]
    assert lines[1] == ["python", "20.0", "19.0", "to", "21.0", "1.00"]
    assert lines[2] == ["c++", "15.0", "14.0", "to", "16.0", "0.75"]
    assert lines[4] == ["c++,", "stream", "9.0", "8.0", "to", "10.0", "0.75"]
