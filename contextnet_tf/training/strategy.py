"""The devices of a run, and the distribution of each batch among them (tf.distribute)."""

import contextlib
import dataclasses
import json
import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from contextnet_tf.errors import InputError, reason_of


@dataclasses.dataclass(frozen=True)
class Devices:
    """The devices of one process of a run; each device holds a replica of the network.

    Attributes:
      strategy: synchronizes the replicas; TensorFlow's default strategy for a single device.
      worker: index of this process, from 0; process 0 is the chief, the only one to write the run folder.
      workers: number of processes.
    """

    strategy: tf.distribute.Strategy
    worker: int = 0
    workers: int = 1

    @property
    def replicas(self) -> int:
        """Number of replicas over all processes."""
        return self.strategy.num_replicas_in_sync

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.worker == 0

    def split_among_replicas(self, batch: Mapping[str, tf.Tensor]) -> dict[str, Any]:
        """This process's batch split evenly among its replicas, as an argument for `strategy.run`."""
        local = self.replicas // self.workers
        if local == 1:
            return dict(batch)
        return {name: self._cut(values, local) for name, values in batch.items()}

    def any_true(self, value: bool) -> bool:
        """Whether `value` is True in any process; returns when every process has called this method."""
        return bool(self._summed(np.array([value]))[0]) if self.workers > 1 else value

    def gathered(self, text: str) -> list[str]:
        """The text of every process, by worker; returns when every process has called this method."""
        if self.workers == 1:
            return [text]
        own = np.frombuffer(text.encode(), np.uint8)
        counts = np.zeros(self.workers)
        counts[self.worker] = len(own)
        lengths = [int(length) for length in self._summed(counts)]
        if not any(lengths):  # TensorFlow crashes when it adds up tensors without values
            return [""] * self.workers
        texts = np.zeros((self.workers, max(lengths)))
        texts[self.worker, : len(own)] = own
        rows = self._summed(texts).astype(np.uint8)
        return [row[:length].tobytes().decode() for row, length in zip(rows, lengths, strict=True)]

    @contextlib.contextmanager
    def all_or_none(self) -> Iterator[None]:
        """A barrier at the end of the block: an InputError of one process is raised in every process.

        The block must not wait for other processes itself.
        """
        own = None
        try:
            yield
        except InputError as error:
            own = error
        told = self.gathered(str(own or ""))
        if own:
            raise own
        for worker, message in enumerate(told):
            if message:
                raise InputError(f"worker {worker}: {message}")

    @contextlib.contextmanager
    def naming_lost_workers(self) -> Iterator[None]:
        """Converts TensorFlow's errors about processes that ended or are out of reach to one line.

        Raises:
          InputError: instead of such an error.
        """
        try:
            yield
        except _LOST as error:
            if self.workers == 1:
                raise
            found = re.search(r"/task:(\d+)", str(error))
            who = f"worker {found[1]}" if found and int(found[1]) != self.worker else "another worker"
            raise InputError(
                f"{who} has ended or cannot be reached; see what it printed, then start all workers again by the same "
                "command"
            ) from error

    def _summed(self, values: np.ndarray) -> np.ndarray:
        """The sum over all processes of `values`, of the same shape in each: whole numbers up to 2 ** 24."""
        # Every replica adds the values of its process.
        summed = self.strategy.run(tf.constant, args=(values.astype(np.float32),))
        total = self.strategy.reduce("SUM", summed, axis=None)
        return total.numpy() / (self.replicas // self.workers)

    def _cut(self, values: tf.Tensor, local: int) -> Any:
        parts = tf.split(values, local)
        # The ids of a process's replicas are consecutive and start at a multiple of `local`.
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: parts[context.replica_id_in_sync_group % local]
        )


def one_device() -> Devices:
    """The first GPU, or the CPU if there is no GPU."""
    return Devices(tf.distribute.get_strategy())


def get_devices(name: str) -> Devices:
    """The devices of the strategy `name`. Call this function before TensorFlow has computed anything.

    "one": one device. "mirrored": all GPUs of this machine, or all its (virtual) CPUs if there is no GPU; the same as
    "one" for a single device. "multi_worker": all GPUs of the processes listed in TF_CONFIG; a single process is
    "mirrored". "tpu": the TPU attached to this machine; follows TensorFlow's documentation but has never run, as no
    TPU was available. "auto": multi_worker if TF_CONFIG lists several processes; else mirrored if there are several
    GPUs; else one.

    Raises:
      InputError: the name is unknown; TF_CONFIG is missing or invalid; another program uses this process's port; or
        there is no TPU.
    """
    if name not in STRATEGIES:
        raise InputError(f"`strategy={name}` is unknown; choose from {', '.join(STRATEGIES)}")
    return STRATEGIES[name]()


def _auto() -> Devices:
    if os.environ.get("TF_CONFIG", "").strip():
        # Some services set TF_CONFIG for a single machine, too, in other forms; a single machine does not need it.
        config = _parsed_tf_config()
        alone = sum(len(addresses) for addresses in _cluster(config).values()) <= 1
        if not alone and len(_processes(_tf_config())) > 1:
            return _multi_worker()
    return _mirrored() if len(tf.config.list_logical_devices("GPU")) > 1 else one_device()


def _mirrored() -> Devices:
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(found) == 1:  # of one replica TensorFlow's strategy returns plain values, not one for each replica
        return one_device()
    return Devices(tf.distribute.MirroredStrategy([device.name for device in found]))


def _multi_worker() -> Devices:
    config = _tf_config()
    processes = _processes(config)
    task = config.get("task")
    own = (task.get("type"), task.get("index")) if isinstance(task, dict) else None
    if own is None or own not in processes:
        raise InputError(
            f"TF_CONFIG: its task {task} is not in its cluster; expected "
            '{"type": "worker", "index": 0} in the first, 1 in the second'
        )
    if len(processes) == 1:
        return _mirrored()
    _require_free(str(_cluster(config)[own[0]][own[1]]))
    return Devices(tf.distribute.MultiWorkerMirroredStrategy(), processes.index(own), len(processes))


def _require_free(address: str) -> None:
    """Raises InputError if the port of `address` is in use: TensorFlow would end with a traceback."""
    port = address.rpartition(":")[2]
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise InputError(f'TF_CONFIG: {address!r} is not the address of a worker; expected "host:2222"')
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            own.bind(("", int(port)))
        except OSError as error:
            raise InputError(
                f"TF_CONFIG: port {port} of {address} cannot be used ({error.strerror}); end the program that uses it, "
                "or set another port in the TF_CONFIG of all workers"
            ) from None


def _tpu() -> Devices:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, tf.errors.OpError) as error:
        raise InputError(f"`strategy=tpu`: no TPU was found ({reason_of(error)})") from error
    return Devices(tf.distribute.TPUStrategy(resolver))


_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
_NO_WORKERS = 'TF_CONFIG: names no workers; expected {"cluster": {"worker": ["host0:2222"]}, ...}'
STRATEGIES = {"auto": _auto, "one": one_device, "mirrored": _mirrored, "multi_worker": _multi_worker, "tpu": _tpu}


def _tf_config() -> Mapping[str, Any]:
    """The content of TF_CONFIG, whose cluster names at least one training process."""
    if not os.environ.get("TF_CONFIG", "").strip():
        raise InputError(
            "`strategy=multi_worker`: the environment variable TF_CONFIG is missing; it names all workers and this "
            'one, as in {"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
        )
    config = _parsed_tf_config()
    if not _processes(config):
        raise InputError(_NO_WORKERS)
    return config


def _parsed_tf_config() -> Mapping[str, Any]:
    try:
        config = json.loads(os.environ["TF_CONFIG"])
    except ValueError as error:
        raise InputError(f"TF_CONFIG: is not JSON ({error})") from None
    cluster = _cluster(config)
    if cluster is None or not all(
        isinstance(addresses, list) and all(isinstance(address, str) for address in addresses)
        for addresses in cluster.values()
    ):
        raise InputError(_NO_WORKERS)
    return config


def _cluster(config: Any) -> Any:
    """The addresses by kind of process; None where `config` has no such object."""
    cluster = config.get("cluster") if isinstance(config, dict) else None
    return cluster if isinstance(cluster, dict) else None


def _processes(config: Mapping[str, Any]) -> Sequence[tuple[str, int]]:
    """(type, index) of every training process, the chief first."""
    cluster = config["cluster"]
    return [(kind, index) for kind in ("chief", "worker") for index in range(len(cluster.get(kind, ())))]
