"""ncnn on the portable graph of the network."""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from contextnet_tf.benchmarking.runtimes.runtime import Runtime, Stage
from contextnet_tf.deployment import upsample

if TYPE_CHECKING:
    import keras


class NCNN(Runtime):
    """Logits float32 from ncnn, then `upsample_argmax`. See `Runtime`."""

    title = "ncnn float32 + exact upsampling"
    precision = "float32"
    packages = ("ncnn",)
    distributions = ("ncnn", *upsample.DISTRIBUTIONS)
    file = "ncnn"
    engine = None

    @staticmethod
    def write(network: "keras.Model", path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        from contextnet_tf.benchmarking.ncnn_graph import ncnn_model
        from contextnet_tf.deployment.portable.from_keras import portable_graph_of
        from contextnet_tf.models.outputs import without_upsampling

        parameters, weights = ncnn_model(portable_graph_of(without_upsampling(network)[0]))
        path.mkdir()
        (path / "network.param").write_text(parameters, encoding="ascii")
        (path / "network.bin").write_bytes(weights)

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        import ncnn

        from contextnet_tf.benchmarking.ncnn_graph import INPUT, OUTPUT

        network = ncnn.Net()
        network.opt.num_threads = num_threads
        network.opt.use_vulkan_compute = False
        for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(network.opt, option, False)
        network.load_param(str(path / "network.param"))
        network.load_model(str(path / "network.bin"))
        size: list[int] = []

        def normalized(image: np.ndarray) -> Any:
            height, width = image.shape[:2]
            size[:] = height, width
            features = ncnn.Mat.from_pixels(image, ncnn.Mat.PixelType.PIXEL_RGB, width, height)
            features.substract_mean_normalize([], [1 / 255] * 3)
            return features

        def logits(features: Any) -> Any:
            extractor = network.create_extractor()
            extractor.input(INPUT, features)
            return extractor.extract(OUTPUT)[1]

        self.stages = (
            Stage("network", normalized),
            Stage("network", logits),
            Stage("copying", lambda output: np.ascontiguousarray(np.array(output).transpose(1, 2, 0))),
            Stage("upsampling", lambda values: upsample.upsample_argmax(values, (size[0], size[1]))),
        )
