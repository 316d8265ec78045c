"""Two replicas make the step of one; what a strategy refuses."""

import concurrent.futures
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading

import pytest
import replicas_and_one
import tensorflow as tf

from contextnet_tf.errors import InputError
from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.strategy import STRATEGIES, Devices, get_devices, one_device
from contextnet_tf.training.train import _require_same_data, _require_same_settings


def test_two_replicas_make_the_steps_of_one():
    finished = subprocess.run(
        [sys.executable, str(pathlib.Path(replicas_and_one.__file__))],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout.splitlines()[-1])
    assert set(found) == {"frozen", "synchronized", "between replicas"}
    for name, differences in found.items():
        assert max(differences.values()) < 1e-5, (name, differences)
    # Each replica has seen images of its own, and all the same statistics: a checkpoint holds them once.
    assert found["between replicas"]["weights"] == 0


def test_one_device_and_automatic_choice(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert list(STRATEGIES) == ["auto", "one", "mirrored", "multi_worker", "tpu"]
    for name in ("one", "auto"):
        devices = get_devices(name)
        assert (devices.replicas, devices.worker, devices.workers, devices.is_chief) == (1, 0, 1, True)


def test_a_single_device_or_process_is_trained_on_as_one(monkeypatch):
    monkeypatch.setenv(
        "TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}})
    )
    for name in ("mirrored", "multi_worker", "auto"):
        devices = get_devices(name)
        assert (devices.strategy, devices.workers) == (one_device().strategy, 1)
    for config in ("", " ", '{"cluster": {"master": ["127.0.0.1:2222"]}, "task": {"type": "master", "index": 0}}'):
        monkeypatch.setenv("TF_CONFIG", config)
        assert get_devices("auto").workers == 1


def test_a_port_in_use_is_named(monkeypatch):
    with socket.create_server(("localhost", 0)) as taken:
        own = f"localhost:{taken.getsockname()[1]}"
        config = {"cluster": {"worker": [own, "other:2222"]}, "task": {"type": "worker", "index": 0}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(config))
        with pytest.raises(InputError, match=f"TF_CONFIG: port .* of {own} cannot be used .*in use"):
            get_devices("multi_worker")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "`strategy=multi_worker`: the environment variable TF_CONFIG is missing; it names all workers"),
        ("{", "TF_CONFIG: is not JSON"),
        ("[]", "TF_CONFIG: names no workers; expected"),
        ('{"cluster": {"ps": ["a:1"]}}', "TF_CONFIG: names no workers; expected"),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
            "TF_CONFIG: its task {'type': 'worker', 'index': 2} is not in its cluster",
        ),
        ("", "`strategy=multi_worker`: the environment variable TF_CONFIG is missing"),
        ("3", "TF_CONFIG: names no workers; expected"),
        ('{"cluster": {"worker": 2}}', "TF_CONFIG: names no workers; expected"),
        ('{"cluster": {"worker": [1, 2]}}', "TF_CONFIG: names no workers; expected"),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": "worker"}',
            "TF_CONFIG: its task worker is not in its cluster",
        ),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": []}', "TF_CONFIG: its task [] is not in its cluster"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}}', "TF_CONFIG: its task None is not in its cluster"),
        (
            '{"cluster": {"worker": ["a", "b:1"]}, "task": {"type": "worker", "index": 0}}',
            "TF_CONFIG: 'a' is not the address of a worker; expected",
        ),
    ],
)
def test_a_tf_config_that_names_no_workers_is_refused(monkeypatch, config, message):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(InputError) as refused:
        get_devices("multi_worker")
    assert message in str(refused.value) and "\n" not in str(refused.value)


class _Together(Devices):
    """Processes that are threads of this one: what each adds up is exchanged at a barrier."""

    def _summed(self, values):
        assert values.size  # with tensors without values TensorFlow ends the process
        _parts[self.worker] = values.astype(float)
        _barrier.wait(10)
        total = sum(_parts.values())
        _barrier.wait(10)
        return total


_parts, _barrier = {}, threading.Barrier(3)


def _in_three_processes(act):
    """What `act(devices)` returns or raises in each process."""

    def outcome(worker):
        try:
            return act(_Together(None, worker, 3))
        except Exception as error:
            return error

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        return list(pool.map(outcome, range(3)))


def test_processes_exchange_texts():
    texts = ["", "a longer text", "ü"]
    assert _in_three_processes(lambda devices: devices.gathered(texts[devices.worker])) == [texts] * 3
    assert _in_three_processes(lambda devices: devices.gathered("")) == [["", "", ""]] * 3
    assert _in_three_processes(lambda devices: devices.any_true(devices.worker == 1)) == [True] * 3
    assert _in_three_processes(lambda devices: devices.any_true(False)) == [False] * 3


def test_an_error_of_one_process_is_raised_in_all():
    def prepare(devices):
        with devices.all_or_none():
            if devices.worker == 1:
                raise InputError("data: is not a folder")
        return "started"

    errors = _in_three_processes(prepare)
    assert all(isinstance(error, InputError) for error in errors)
    assert list(map(str, errors)) == [
        "worker 1: data: is not a folder", "data: is not a folder", "worker 1: data: is not a folder",
    ]  # fmt: skip


def test_other_settings_of_one_process_end_all():
    def start(devices):
        settings = {"seed": 0, "recipe": {"epochs": 2 + (devices.worker == 2)}}
        _require_same_settings(devices, settings)

    message = "worker 2 was started with other settings than worker 0: recipe.epochs is 3, not 2; start all"
    assert all(str(error).startswith(message) for error in _in_three_processes(start))


def test_other_data_of_one_process_end_all():
    def start(devices):
        labels = "1" if devices.worker < 2 else "2"
        _require_same_data(devices, {"train": [("a", "0", labels)], "val": []})

    message = "worker 2 has other data than worker 0: 1 label of train, the first of a; copy them again"
    assert list(map(str, _in_three_processes(start))) == [message] * 3


def test_a_lost_worker_is_one_line():
    lost = tf.errors.UnavailableError(None, None, "Collective ops is aborted by:\n/job:worker/replica:0/task:1 died")
    with pytest.raises(InputError, match="^worker 1 has ended or cannot be reached; .* start all workers again"):
        with Devices(None, 0, 2).naming_lost_workers():
            raise lost
    with pytest.raises(InputError, match="^another worker has ended"):
        with Devices(None, 1, 2).naming_lost_workers():
            raise lost
    with pytest.raises(tf.errors.UnavailableError):
        with one_device().naming_lost_workers():
            raise lost


def test_unknown_strategies_and_absent_tpus_are_refused():
    with pytest.raises(InputError, match="`strategy=two` is unknown; choose from auto, one, mirrored"):
        get_devices("two")
    with pytest.raises(InputError, match="`strategy=tpu`: no TPU was found"):
        get_devices("tpu")


def test_batches_that_cannot_be_cut_are_refused():
    class _Three:
        num_replicas_in_sync = 3

    with pytest.raises(
        InputError, match="batches of 16 cannot be split evenly among 3 replicas .* set `batch_size` to a multiple of 3"
    ):
        ComputeConfig(devices=Devices(_Three())).check_batch(16)
    with pytest.raises(InputError, match="`accumulate=4` does not divide the 6 images of a device's batch"):
        ComputeConfig(devices=Devices(_Three()), accumulate=4).check_batch(18)
    with pytest.raises(InputError, match="`accumulate=0` does not divide"):
        ComputeConfig(devices=one_device(), accumulate=0).check_batch(16)
    ComputeConfig(devices=Devices(_Three()), accumulate=2).check_batch(18)
