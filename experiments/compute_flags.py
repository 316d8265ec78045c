"""The flags that say where and in which precision a network is trained."""

from absl import flags

from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.strategy import get_devices, strategy_names

flags.DEFINE_string(
    "strategy",
    "auto",
    f"Devices: {', '.join(strategy_names())}. Default: all workers of TF_CONFIG, else all GPUs of this machine.",
)
flags.DEFINE_integer("accumulate", 1, "Cut each batch into so many parts, computed one after the other.")
flags.DEFINE_bool("sync_batch_norm", False, "Batch statistics of all replicas together.")
flags.DEFINE_bool("jit_compile", False, "Compile the network's forward and backward pass by XLA.")
flags.disclaim_key_flags()

FLAGS = ("strategy", "accumulate", "sync_batch_norm", "jit_compile", "precision")


def given_compute_config() -> ComputeConfig:
    """What the flags say. Call it before TensorFlow has computed anything.

    Raises:
      InputError: a flag, or TF_CONFIG, is wrong.
    """
    values = flags.FLAGS
    return ComputeConfig(
        devices=get_devices(values.strategy),
        accumulate=values.accumulate,
        precision=values.precision,
        sync_batch_norm=values.sync_batch_norm,
        jit_compile=values.jit_compile,
    )
