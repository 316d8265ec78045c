"""Eager PyTorch on the portable graph of the network."""

import pathlib
import pickle
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from contextnet_tf.benchmarking.runtimes.runtime import Runtime, Stage
from contextnet_tf.deployment.portable.graph import rotated_for_pytorch

if TYPE_CHECKING:
    import keras


class PyTorch(Runtime):
    """Eager modules with features in channels_last; PyTorch does the upsampling and arg-max. See `Runtime`.

    The image is rotated by 180 degrees and the labels are rotated back, so that PyTorch's convolutions can do the
    padding: with separate padding layers for stride 2, a frame took 10% longer. SegNet and ENet are not rotated,
    because they pool with indices.

    On a GPU, copies to and from the device are timed as "copying", without overlap with the network, as in section 3.1.
    The GPU path is untested, as no GPU was available.
    """

    title = "PyTorch eager, upsampling in the graph"
    precision = "float32"
    packages = ("torch",)
    distributions = ("torch",)
    file = "graph.pickle"
    engine = None

    @staticmethod
    def write(network: "keras.Model", path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        from contextnet_tf.deployment.portable.from_keras import portable_graph_of

        path.write_bytes(pickle.dumps(rotated_for_pytorch(portable_graph_of(network))))

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        import torch

        from contextnet_tf.benchmarking.torch_network import TorchNetwork

        torch.set_num_threads(num_threads)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        graph = pickle.loads(path.read_bytes())
        module = TorchNetwork(graph).eval().to(device, memory_format=torch.channels_last)
        rotated = (0, 1) if graph.rotated else ()

        def network(image: Any) -> Any:
            with torch.inference_mode():
                features = image.flip(rotated).permute(2, 0, 1)[None].float() / 255
                labels = module(features)["main"].argmax(1)[0].to(torch.uint8).flip(rotated)
            if device == "cuda":
                torch.cuda.synchronize()  # kernels still run when the call returns
            return labels

        self.stages = (
            Stage("copying", lambda image: torch.tensor(image, device=device)),
            Stage("network", network),
            Stage("copying", lambda labels: labels.cpu().numpy()),
        )
