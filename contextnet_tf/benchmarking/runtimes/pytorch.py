"""Eager PyTorch on the same network."""

import pathlib
import pickle
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from contextnet_tf.benchmarking.runtimes.runtime import Stage
from contextnet_tf.deployment.portable_graph import for_pytorch, portable_graph_of


class PyTorch:
    """Modules called one by one (eager), features in channels_last, upsampling and arg-max by PyTorch.

    The image is turned by 180 degrees, and the labels are turned back: so PyTorch's convolutions pad by
    themselves. With modules that pad before those of stride 2, a frame took a tenth longer. (SegNet and ENet,
    whose pooling remembers places, are not turned.)

    On a GPU, where PyTorch finds one, the image's way there and the labels' way back are the copying, one
    after the other with the network, as section 3.1 counts them; that was not tested, for want of one. See
    `Runtime`.
    """

    title = "PyTorch eager, upsampling inside"
    precision = "float32"
    packages = ("torch",)
    distributions = ("torch",)
    file = "plan.pickle"
    engine = None

    @staticmethod
    def write(network: keras.Model, path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
        """See `Runtime`."""
        path.write_bytes(pickle.dumps(for_pytorch(portable_graph_of(network))))

    def __init__(self, path: pathlib.Path, num_threads: int):
        """See `Runtime`."""
        import torch

        from contextnet_tf.benchmarking.runtimes.torch_network import TorchNetwork

        torch.set_num_threads(num_threads)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        plan = pickle.loads(path.read_bytes())
        module = TorchNetwork(plan).eval().to(device, memory_format=torch.channels_last)
        turned = (0, 1) if plan.turned else ()

        def network(image: Any) -> Any:
            with torch.inference_mode():
                features = image.flip(turned).permute(2, 0, 1)[None].float() / 255
                labels = module(features).argmax(1)[0].to(torch.uint8).flip(turned)
            if device == "cuda":
                torch.cuda.synchronize()  # its kernels run on after the call
            return labels

        self.stages = (
            Stage("copying", lambda image: torch.tensor(image, device=device)),
            Stage("network", network),
            Stage("copying", lambda labels: labels.cpu().numpy()),
        )
