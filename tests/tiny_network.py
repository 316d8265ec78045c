"""The least that counts as a network, for tests in which it only has to be one."""

import pathlib

import keras

from contextnet_tf.models.spec import ContextNetSpec
from experiments import export

# A ContextNet that trains in no time; it takes multiples of 16.
TINY = ContextNetSpec(
    "tiny",
    context_scale=2,
    context_rows=(("conv3x3", None, 8, 1, 2), ("bottleneck", 2, 8, 1, 2), ("bottleneck", 1, 8, 1, 2)),
    detail_channels=(8, 8, 8, 8),
    fusion_channels=8,
)


def write_tiny_network(path: pathlib.Path, num_classes: int) -> None:
    """Writes a network of one convolution with random weights, the same at every call; sizes in multiples of 8."""
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3))
    small = keras.layers.Conv2D(num_classes, 8, strides=8, name="classifier")(image)
    logits = keras.layers.UpSampling2D(8, interpolation="bilinear", name="main")(small)
    keras.Model(image, {"main": logits}, name="tiny").save(path)


def write_tiny_export(folder: pathlib.Path) -> None:
    """Writes export/model.tflite of such a network into `folder`, for CamVid's classes and images of 64 x 96."""
    write_tiny_network(folder / "tiny.keras", 11)
    settings = {"checkpoint": str(folder / "tiny.keras"), "dataset": "camvid", "output_dir": str(folder)}
    export.run(formats=("tflite",), size=(64, 96), **settings)
