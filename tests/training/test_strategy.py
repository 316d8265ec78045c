"""Two replicas make the step of one; what a strategy refuses."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import pytest
import replicas_and_one

from contextnet_tf.errors import InputError
from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.strategy import Devices, get_devices, one_device, strategy_names


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
    assert strategy_names() == ["auto", "one", "mirrored", "multi_worker", "tpu"]
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
        ("{", "TF_CONFIG: is no JSON"),
        ("[]", "TF_CONFIG: names no workers; right would be"),
        ('{"cluster": {"ps": ["a:1"]}}', "TF_CONFIG: names no workers; right would be"),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
            "TF_CONFIG: its task {'type': 'worker', 'index': 2} is none of the processes of its cluster",
        ),
        ("", "`strategy=multi_worker`: the environment variable TF_CONFIG is missing"),
        ("3", "TF_CONFIG: names no workers; right would be"),
        ('{"cluster": {"worker": 2}}', "TF_CONFIG: names no workers; right would be"),
        ('{"cluster": {"worker": [1, 2]}}', "TF_CONFIG: names no workers; right would be"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": "worker"}', "TF_CONFIG: its task worker is none of"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": []}', "TF_CONFIG: its task [] is none of"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}}', "TF_CONFIG: its task None is none of"),
        (
            '{"cluster": {"worker": ["a", "b:1"]}, "task": {"type": "worker", "index": 0}}',
            "TF_CONFIG: 'a' is no address of a worker; right would be",
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


def test_unknown_strategies_and_absent_tpus_are_refused():
    with pytest.raises(InputError, match="`strategy=two` is unknown; choose from auto, one, mirrored"):
        get_devices("two")
    with pytest.raises(InputError, match="`strategy=tpu`: no TPU answers"):
        get_devices("tpu")


def test_batches_that_cannot_be_cut_are_refused():
    class _Three:
        num_replicas_in_sync = 3

    with pytest.raises(
        InputError, match="batches of 16 cannot be shared out to 3 replicas .* set `batch_size` to a multiple of 3"
    ):
        ComputeConfig(devices=Devices(_Three())).check_batch(16)
    with pytest.raises(InputError, match="`accumulate=4` does not divide the 6 images of a device's batch"):
        ComputeConfig(devices=Devices(_Three()), accumulate=4).check_batch(18)
    with pytest.raises(InputError, match="`accumulate=0` does not divide"):
        ComputeConfig(devices=one_device(), accumulate=0).check_batch(16)
    ComputeConfig(devices=Devices(_Three()), accumulate=2).check_batch(18)
