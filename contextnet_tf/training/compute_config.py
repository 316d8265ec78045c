"""How a run is computed and saved: devices, precision, micro-batches, checkpoints. The recipe says what is trained.

This file loads neither TensorFlow nor Keras, so that programs can name the choices before they load them.
"""

import dataclasses
import numbers
from typing import TYPE_CHECKING, Any

from contextnet_tf.errors import InputError

if TYPE_CHECKING:
    import keras

    from contextnet_tf.training.strategy import Devices

DTYPE_POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")  # see `precision.clone_network`


def _one_device() -> "Devices":
    from contextnet_tf.training.strategy import one_device

    return one_device()


@dataclasses.dataclass(frozen=True)
class CheckpointPolicy:
    """Minutes between checkpoints, besides those at validations, and number of newest checkpoints to keep.

    Raises:
      InputError: `minutes` is not a number, 0 or more, or `keep` is not a whole number, 1 or more.
    """

    minutes: float = 10.0
    keep: int = 3

    def __post_init__(self):
        if not isinstance(self.minutes, numbers.Real) or not self.minutes >= 0:  # NaN is refused, too
            raise InputError(f"minutes = {self.minutes!r}: the time between checkpoints must be a number, 0 or more")
        if not isinstance(self.keep, numbers.Integral) or self.keep < 1:
            raise InputError(f"keep = {self.keep!r}: the number of checkpoints must be a whole number, 1 or more")


@dataclasses.dataclass(frozen=True)
class ComputeConfig:
    """Devices and precision of a run. With frozen batch statistics, all settings give the same step up to rounding.

    Batch statistics are taken over one replica's part of a micro-batch; with `sync_batch_norm`, over the parts of all
    replicas.

    Attributes:
      devices: the devices of this process.
      accumulate: number of micro-batches per step; their gradients are summed, which saves memory.
      dtype_policy: "float32", "mixed_float16" (with loss scaling) or "mixed_bfloat16"; see `precision.clone_network`.
      sync_batch_norm: see above; useful with few images per replica.
      jit_compile: compile the network's forward and backward pass with XLA.

    Raises:
      InputError: the dtype policy is unknown.
    """

    devices: "Devices" = dataclasses.field(default_factory=_one_device)
    accumulate: int = 1
    dtype_policy: str = "float32"
    sync_batch_norm: bool = False
    jit_compile: bool = False

    def __post_init__(self):
        if self.dtype_policy not in DTYPE_POLICIES:
            raise InputError(f"`dtype_policy={self.dtype_policy}` is unknown; choose from {', '.join(DTYPE_POLICIES)}")

    def check_batch(self, batch_size: int) -> None:
        """Checks that the global batch splits evenly into replicas and micro-batches.

        Raises:
          InputError: the batch does not split evenly.
        """
        replicas = self.devices.replicas
        if batch_size % replicas:
            raise InputError(
                f"batches of {batch_size} cannot be split evenly among {replicas} replicas of the network; "
                f"set `batch_size` to a multiple of {replicas}"
            )
        if self.accumulate < 1 or batch_size // replicas % self.accumulate:
            raise InputError(
                f"`accumulate={self.accumulate}` does not divide the {batch_size // replicas} images of a device's "
                "batch; set it to a divisor"
            )

    def place(self, model: "keras.Model") -> "keras.Model":
        """The network on all devices and with the dtype policy; `model` itself for one device and float32.

        Raises:
          InputError: `jit_compile` and `sync_batch_norm` are set for several replicas.
        """
        from contextnet_tf.training.precision import clone_network

        if self.jit_compile and self.sync_batch_norm and self.devices.replicas > 1:
            raise InputError("`jit_compile` and `sync_batch_norm` cannot be combined; choose one")
        if self.devices.replicas == 1 and self.devices.workers == 1 and self.dtype_policy == "float32":
            return model
        with self.devices.strategy.scope():
            return clone_network(model, dtype_policy=self.dtype_policy, synchronized=self.sync_batch_norm)

    def to_json(self) -> dict[str, Any]:
        """The settings that affect the result, as JSON-serializable values."""
        return {
            "replicas": self.devices.replicas,
            "accumulate": self.accumulate,
            "dtype_policy": self.dtype_policy,
            "sync_batch_norm": self.sync_batch_norm,
            "jit_compile": self.jit_compile,
        }
