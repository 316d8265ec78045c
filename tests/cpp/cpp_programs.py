"""Compiles and runs C++ programs of this project; images to give them."""

import importlib.util
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

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
REQUIREMENTS = [
    pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed"),
    pytest.mark.skipif(not (LITERT / "libLiteRt.so").exists(), reason="the wheel of LiteRT has no libLiteRt.so"),
]


def compile_cpp(source: str, program: pathlib.Path, compiler: str, *flags: str) -> list[str]:
    """Compiles one C++ file and returns how to call it; whatever the compiler says fails the test."""
    command = [compiler, "-std=c++17", *WARNINGS, f"-I{ROOT / 'cpp'}", str(ROOT / source), "-o", str(program), *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [*(["qemu-aarch64"] if compiler.startswith("aarch64") else []), str(program)]


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
