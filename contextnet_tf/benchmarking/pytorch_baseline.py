"""A training step of the same network in PyTorch, as a speed baseline. Requires the extra [bench].

The parent process describes the training; `TorchTraining` runs it in a separate process without TensorFlow.
"""

import dataclasses
import pathlib
import pickle
import tempfile
import timeit
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from contextnet_tf.benchmarking.process import ServerProcess
from contextnet_tf.deployment.portable.graph import PortableGraph
from contextnet_tf.errors import InputError
from contextnet_tf.machine import available_cores

if TYPE_CHECKING:
    import keras

    from contextnet_tf.training.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class TorchTraining:
    """Training steps on one batch in PyTorch, as its documentation recommends. See `process.Server`.

    Features are in channels_last, the network upsamples the logits, and cross-entropy and AdamW are PyTorch's own.
    There are no EMA and no class weights.

    Attributes:
      path: a pickle of the training network, a `PortableGraph`, and of a batch: images float32 [B, H, W, 3] in 0 to 1
        and labels int64 [B, H, W].
      decayed_layers: names of the layers with weight decay on their kernels.
      optimizer: keyword arguments of AdamW, without weight decay.
      weight_decay: of the kernels.
      aux_weight: factor of the loss of every output except "main".
      ignored_label: the label of ignored pixels.
    """

    path: pathlib.Path
    decayed_layers: frozenset[str]
    optimizer: Mapping[str, Any]
    weight_decay: float
    aux_weight: float
    ignored_label: int
    packages: tuple[str, ...] = ("torch",)

    def start(self) -> Mapping[str, Callable[..., Any]]:
        """See `Server`: the function "step" takes the number of threads and returns the loss."""
        import torch
        from torch.nn import functional

        from contextnet_tf.benchmarking.torch_network import TorchNetwork

        graph, images, labels = pickle.loads(self.path.read_bytes())
        network = TorchNetwork(graph).to(memory_format=torch.channels_last).train()
        decayed, others = _by_decay(graph, network, self.decayed_layers)
        groups = [{"params": decayed, "weight_decay": self.weight_decay}, {"params": others, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, **self.optimizer)
        if graph.rotated:
            images, labels = images[:, ::-1, ::-1], labels[:, ::-1, ::-1]
        features = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).contiguous(memory_format=torch.channels_last)
        target = torch.from_numpy(labels.copy())

        def step(num_threads: int) -> float:
            torch.set_num_threads(num_threads)
            optimizer.zero_grad(set_to_none=True)
            losses = {
                name: functional.cross_entropy(logits, target, ignore_index=self.ignored_label)
                for name, logits in network(features).items()
            }
            loss = losses.pop("main") + self.aux_weight * sum(losses.values())
            loss.backward()
            optimizer.step()
            return loss.item()

        return {"step": step}


def _by_decay(graph: PortableGraph, network: Any, decayed_layers: frozenset[str]) -> tuple[list[Any], list[Any]]:
    """The parameters with weight decay (the kernels of `decayed_layers`), and all others."""
    decayed: list[Any] = []
    others: list[Any] = []
    for step, module in zip(graph.steps, network.operations, strict=True):
        for name, parameter in module.named_parameters():
            is_kernel = step.layer in decayed_layers and name.split(".")[-1] == "weight"
            (decayed if is_kernel else others).append(parameter)
    return decayed, others


class TorchProcess:
    """A process that trains a network in PyTorch on one batch. A context manager that ends the process on exit."""

    def __init__(self, model: "keras.Model", recipe: "Recipe", images: np.ndarray, labels: np.ndarray):
        """Starts the process.

        Args:
          model: a network with random weights, which are copied; may have auxiliary outputs.
          recipe: a recipe with the optimizer AdamW.
          images: float32 [B, H, W, 3] in 0 to 1.
          labels: uint8 [B, H, W].

        Raises:
          InputError: the optimizer or a layer of the network is not supported in PyTorch.
        """
        from contextnet_tf.datasets.labels import IGNORE
        from contextnet_tf.deployment.network import at_size
        from contextnet_tf.deployment.portable.from_keras import portable_graph_of
        from contextnet_tf.deployment.portable.graph import rotated_for_pytorch
        from contextnet_tf.training.recipe import AdamW
        from contextnet_tf.training.step import decayed_weights

        if not isinstance(recipe.optimizer, AdamW):
            raise InputError(f"recipe {recipe.name!r}: the PyTorch baseline is written for AdamW; try `recipe=short`")
        network = at_size(model, images.shape[1:3])
        graph = rotated_for_pytorch(portable_graph_of(network, training=True))
        decayed = {id(weight) for weight in decayed_weights(network)}
        training = TorchTraining(
            pathlib.Path(),
            frozenset(layer.name for layer in network.layers if decayed & {id(weight) for weight in layer.weights}),
            {
                "lr": recipe.base_learning_rate,
                "betas": (recipe.optimizer.beta_1, recipe.optimizer.beta_2),
                "eps": recipe.optimizer.epsilon,
            },
            recipe.optimizer.weight_decay,
            recipe.aux_weight,
            IGNORE,
        )
        with tempfile.TemporaryDirectory(prefix="torch") as folder:
            path = pathlib.Path(folder) / "training.pickle"
            path.write_bytes(pickle.dumps((graph, images, labels.astype(np.int64))))
            self._process = ServerProcess(dataclasses.replace(training, path=path))

    def step(self, num_threads: int) -> float:
        """Runs one step with `num_threads` threads; returns the loss."""
        return self._process.call("step", num_threads)

    def fastest_threads(self) -> int:
        """The faster number of threads under the current load: one, or one per core.

        On a busy machine PyTorch's threads wait for each other.
        """
        counts = {1, available_cores()}
        for count in counts:
            self.step(count)  # warm up
        return min(counts, key=lambda count: min(timeit.repeat(lambda: self.step(count), number=1, repeat=2)))

    def __enter__(self) -> "TorchProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.close()
