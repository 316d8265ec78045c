"""What the tests of the page show and run: images, and a run with exported files of a small network."""

import pathlib

import cv2
import keras
import numpy as np

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.deployment.export import export_tflite
from contextnet_tf.files import read_json, write_json

SIZE = (64, 128)
MARKUP = "<img src=x onerror=\"document.title='injected'\"> & <b>"


def random_image(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    """uint8 [H, W, 3]: soft patches with noise, the same for the same seed."""
    random = np.random.default_rng(seed)
    patches = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    soft = cv2.resize(patches, size[::-1], interpolation=cv2.INTER_CUBIC).astype(np.int16)
    return np.clip(soft + random.integers(-20, 21, (*size, 3)), 0, 255).astype(np.uint8)


def write_run(folder: pathlib.Path) -> pathlib.Path:
    """Writes export/model.tflite and model_int8.tflite of random weights; class 1 has markup as its name."""
    keras.utils.set_random_seed(0)
    image = keras.Input((*SIZE, 3))
    features = keras.layers.Conv2D(16, 5, strides=4, padding="same", activation="relu")(image)
    small = keras.layers.Conv2D(19, 3, strides=2, padding="same", name="classifier")(features)
    logits = keras.layers.UpSampling2D(8, interpolation="bilinear", name="main")(small)
    network = keras.Model(image, {"main": logits}, name="small")
    streets = get_dataset("streets")
    export = folder / "export"
    export_tflite(network, export / "model.tflite", dataset=streets)
    calibration = [random_image(SIZE, seed) for seed in range(8)]
    export_tflite(network, export / "model_int8.tflite", "int8", dataset=streets, calibration=calibration)
    for path in export.glob("*.json"):
        metadata = read_json(path)
        metadata["classes"][1]["name"] = MARKUP
        write_json(path, metadata)
    return folder
