"""The flags of the devices and the precision that a network is trained with."""

from absl import flags

from contextnet_tf.training.compute_config import DTYPE_POLICIES, ComputeConfig

flags.DEFINE_string(
    "strategy",
    "auto",
    "Devices: one, mirrored (all GPUs of this machine), multi_worker (all workers of TF_CONFIG), tpu, or auto: the "
    "workers of TF_CONFIG if it lists several, else the GPUs if there are several, else one.",
)
flags.DEFINE_integer(
    "accumulate",
    1,
    "Gradient accumulation: micro-batches per step, computed in sequence to save memory.",
    lower_bound=1,
    upper_bound=65_536,
)
flags.DEFINE_bool("sync_batch_norm", False, "Compute batch-normalization statistics over all devices together.")
flags.DEFINE_bool("jit_compile", False, "Compile the network's forward and backward pass with XLA.")
flags.DEFINE_string(
    "dtype_policy",
    ComputeConfig.dtype_policy,
    f"Precision in which layers compute: {', '.join(DTYPE_POLICIES)}. Weights and loss stay float32.",
)
flags.disclaim_key_flags()

FLAGS = ("strategy", "accumulate", "sync_batch_norm", "jit_compile", "dtype_policy")


def given_compute_config() -> ComputeConfig:
    """The configuration from the flags. Call before TensorFlow's first operation.

    Raises:
      InputError: a flag, or TF_CONFIG, is wrong.
    """
    from contextnet_tf.training.strategy import get_devices

    values = flags.FLAGS
    return ComputeConfig(
        devices=get_devices(values.strategy),
        accumulate=values.accumulate,
        dtype_policy=values.dtype_policy,
        sync_batch_norm=values.sync_batch_norm,
        jit_compile=values.jit_compile,
    )
