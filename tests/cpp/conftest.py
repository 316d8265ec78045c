"""What the tests of C++ programs share: the compiled programs and the exported files."""

import shutil

import keras
import pytest
from cpp_programs import BUILDS, compile_cpp, noise, smooth

from contextnet_tf.deployment.export import export_tflite


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


@pytest.fixture(scope="session")
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
