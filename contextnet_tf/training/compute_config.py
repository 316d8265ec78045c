"""How a step is computed, as values. What is computed is the recipe's."""

import dataclasses
from typing import Any

import keras

from contextnet_tf.errors import InputError
from contextnet_tf.training.precision import clone_network
from contextnet_tf.training.strategy import Devices, one_device


@dataclasses.dataclass(frozen=True)
class ComputeConfig:
    """Devices and precision of a run. But for rounding, all give the same step where batch statistics are frozen.

    Batch statistics are those of the images that are computed together: of one replica's part of a
    micro-batch; with `sync_batch_norm` of all replicas' parts.

    Attributes:
      devices: where.
      accumulate: micro-batches whose gradients are summed for a step: less memory, the same batch.
      dtype_policy: "float32", "mixed_float16" (with loss scaling) or "mixed_bfloat16"; see `precision.clone_network`.
      sync_batch_norm: see above; for a few images a replica.
      jit_compile: compile the network's forward and backward pass by XLA.
    """

    devices: Devices = dataclasses.field(default_factory=one_device)
    accumulate: int = 1
    dtype_policy: str = "float32"
    sync_batch_norm: bool = False
    jit_compile: bool = False

    def check_batch(self, batch_size: int) -> None:
        """Refuses a batch, of all replicas together, that cannot be cut into even parts.

        Raises:
          InputError: it cannot.
        """
        replicas = self.devices.replicas
        if batch_size % replicas:
            raise InputError(
                f"batches of {batch_size} cannot be shared out to {replicas} replicas of the network; "
                f"set `batch_size` to a multiple of {replicas}"
            )
        if self.accumulate < 1 or batch_size // replicas % self.accumulate:
            raise InputError(
                f"`accumulate={self.accumulate}` does not divide the {batch_size // replicas} images of a device's "
                "batch; set it to a divisor"
            )

    def place(self, model: keras.Model) -> keras.Model:
        """The network as this execution trains it: on all devices, in the precision. `model` itself where it is that.

        Raises:
          InputError: there is no such precision; or XLA should compile what replicas exchange.
        """
        if self.jit_compile and self.sync_batch_norm and self.devices.replicas > 1:
            raise InputError("`jit_compile` and `sync_batch_norm` cannot be combined; choose one")
        if self.devices.replicas == 1 and self.devices.workers == 1 and self.dtype_policy == "float32":
            return model
        with self.devices.strategy.scope():
            return clone_network(model, dtype_policy=self.dtype_policy, synchronized=self.sync_batch_norm)

    def to_json(self) -> dict[str, Any]:
        """What changes the numbers, as values that JSON knows."""
        return {
            "replicas": self.devices.replicas,
            "accumulate": self.accumulate,
            "dtype_policy": self.dtype_policy,
            "sync_batch_norm": self.sync_batch_norm,
            "jit_compile": self.jit_compile,
        }
