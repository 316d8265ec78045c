"""The flags that say where and in which precision a network is trained."""

from absl import flags

from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.precision import PRECISIONS
from contextnet_tf.training.strategy import get_devices, strategy_names

flags.DEFINE_string(
    "strategy",
    "auto",
    f"Devices: {', '.join(strategy_names())}. Default: all workers of TF_CONFIG, else all GPUs of this machine.",
)
flags.DEFINE_integer("accumulate", 1, "Cut each batch into so many parts, computed one after the other.")
flags.DEFINE_bool("sync_batch_norm", False, "Batch statistics of all replicas together.")
flags.DEFINE_bool("jit_compile", False, "Compile the network's forward and backward pass by XLA.")
flags.DEFINE_string(
    "dtype_policy",
    ComputeConfig.dtype_policy,
    f"Precision of the layers' computations: {', '.join(PRECISIONS)}. Weights and loss stay float32.",
)
flags.disclaim_key_flags()

FLAGS = ("strategy", "accumulate", "sync_batch_norm", "jit_compile", "dtype_policy")


def given_compute_config() -> ComputeConfig:
    """What the flags say. Call it before TensorFlow has computed anything.

    Raises:
      InputError: a flag, or TF_CONFIG, is wrong.
    """
    values = flags.FLAGS
    return ComputeConfig(
        devices=get_devices(values.strategy),
        accumulate=values.accumulate,
        dtype_policy=values.dtype_policy,
        sync_batch_norm=values.sync_batch_norm,
        jit_compile=values.jit_compile,
    )
