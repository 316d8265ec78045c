"""The devices that a run computes on, and which part of each batch is whose (tf.distribute)."""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from contextnet_tf.errors import InputError, reason_of


@dataclasses.dataclass(frozen=True)
class Devices:
    """One process's devices, each with a replica of the network, among those of all processes of a run.

    Attributes:
      strategy: how the replicas keep together; TensorFlow's default strategy for a single device.
      worker: number of this process, from 0; process 0 is the chief, which alone writes the run's folder.
      workers: number of processes.
    """

    strategy: tf.distribute.Strategy
    worker: int = 0
    workers: int = 1

    @property
    def replicas(self) -> int:
        """Replicas of the network in all processes."""
        return self.strategy.num_replicas_in_sync

    @property
    def is_chief(self) -> bool:
        """Whether this process writes what the run leaves."""
        return self.worker == 0

    def shared_out(self, batch: Mapping[str, tf.Tensor]) -> dict[str, Any]:
        """This process's part of a batch, cut evenly for its own replicas: what `strategy.run` takes."""
        local = self.replicas // self.workers
        if local == 1:
            return dict(batch)
        return {name: self._cut(values, local) for name, values in batch.items()}

    def wait_for_all(self) -> None:
        """Returns when every process has come to this call."""
        self.any_wishes(False)

    def any_wishes(self, wish: bool) -> bool:
        """Whether any process does; returns when every process has come to this call."""
        if self.workers == 1:
            return wish
        return bool(self.strategy.reduce("SUM", self.strategy.run(tf.constant, args=(float(wish),)), axis=None) > 0)

    def _cut(self, values: tf.Tensor, local: int) -> Any:
        parts = tf.split(values, local)
        # A process's replicas have consecutive numbers; where there are several, they begin at a multiple.
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: parts[context.replica_id_in_sync_group % local]
        )


def one_device() -> Devices:
    """The first GPU, or the processor where there is none."""
    return Devices(tf.distribute.get_strategy())


def strategy_names() -> list[str]:
    """The names that `get_devices` knows."""
    return list(_MAKERS)


def get_devices(name: str) -> Devices:
    """The devices that the strategy `name` uses. Call it before TensorFlow has computed anything.

    "one": one device. "mirrored": all GPUs of this machine, or all its (virtual) processors where it has no
    GPU. "multi_worker": all GPUs of several processes, which TF_CONFIG names. "tpu": the TPU that this machine
    is attached to; written by TensorFlow's documentation and never run, for want of a TPU. "auto":
    multi_worker where TF_CONFIG names several processes, mirrored where there are several GPUs, else one.

    Raises:
      InputError: there is no such strategy; TF_CONFIG is missing or not understood; or there is no TPU.
    """
    if name not in _MAKERS:
        raise InputError(f"`strategy={name}` is unknown; choose from {', '.join(strategy_names())}")
    return _MAKERS[name]()


def _auto() -> Devices:
    if "TF_CONFIG" in os.environ and len(_processes(_tf_config())) > 1:
        return _multi_worker()
    return _mirrored() if len(tf.config.list_logical_devices("GPU")) > 1 else one_device()


def _mirrored() -> Devices:
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return Devices(tf.distribute.MirroredStrategy([device.name for device in found]))


def _multi_worker() -> Devices:
    config = _tf_config()
    processes = _processes(config)
    task = config.get("task", {})
    own = (task.get("type"), task.get("index"))
    if own not in processes:
        raise InputError(
            f"TF_CONFIG: its task {task} is none of the processes of its cluster; right would be "
            '{"type": "worker", "index": 0} in the first, 1 in the second'
        )
    return Devices(tf.distribute.MultiWorkerMirroredStrategy(), processes.index(own), len(processes))


def _tpu() -> Devices:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, tf.errors.OpError) as error:
        raise InputError(f"`strategy=tpu`: no TPU answers ({reason_of(error)})") from error
    return Devices(tf.distribute.TPUStrategy(resolver))


_MAKERS = {"auto": _auto, "one": one_device, "mirrored": _mirrored, "multi_worker": _multi_worker, "tpu": _tpu}


def _tf_config() -> Mapping[str, Any]:
    try:
        config = json.loads(os.environ["TF_CONFIG"])
    except KeyError:
        raise InputError(
            "`strategy=multi_worker`: the environment variable TF_CONFIG is missing; it names all workers and this "
            'one, as in {"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
        ) from None
    except ValueError as error:
        raise InputError(f"TF_CONFIG: is no JSON ({error})") from None
    if not isinstance(config, dict) or not isinstance(config.get("cluster"), dict) or not _processes(config):
        raise InputError('TF_CONFIG: names no workers; right would be {"cluster": {"worker": ["host0:2222"]}, ...}')
    return config


def _processes(config: Mapping[str, Any]) -> Sequence[tuple[str, int]]:
    """(type, index) of every process that trains, the chief first."""
    cluster = config["cluster"]
    return [(kind, index) for kind in ("chief", "worker") for index in range(len(cluster.get(kind, ())))]
