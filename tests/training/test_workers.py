"""Two worker processes on this machine train as one device does, also when they are killed and started again."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import run_of_a_worker

from contextnet_tf.models.loading import load_network

PROGRAM = pathlib.Path(run_of_a_worker.__file__)


def _addresses(count):
    """Addresses of this machine that nobody listens at."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    addresses = [f"localhost:{server.getsockname()[1]}" for server in sockets]
    for server in sockets:
        server.close()
    return addresses


def _run_workers(*arguments):
    """Runs two workers to their end; returns their exit statuses."""
    cluster = {"worker": _addresses(2)}
    processes = []
    for index in range(2):
        config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        environment = os.environ | {"TF_CONFIG": json.dumps(config), "PYTHONPATH": os.pathsep.join(sys.path)}
        processes.append(subprocess.Popen([sys.executable, str(PROGRAM), *map(str, arguments)], env=environment))
    try:
        return [process.wait(timeout=600) for process in processes]
    finally:
        for process in processes:
            process.kill()


def test_two_workers_killed_and_resumed_give_the_weights_of_one_device(camvid_dir, tmp_path):
    run_of_a_worker.run(camvid_dir, tmp_path / "one", "one")

    # The checkpoint is that of step 9: steps 10 and 11 are made again.
    assert 0 not in _run_workers(camvid_dir, tmp_path / "two", "multi_worker", 11)
    assert _run_workers(camvid_dir, tmp_path / "two", "multi_worker") == [0, 0]

    one, two = (load_network(tmp_path / name) for name in ("one", "two"))
    for weight, other in zip(one.weights, two.weights, strict=True):
        np.testing.assert_allclose(weight, other, rtol=0, atol=1e-5)
    histories = [(tmp_path / name / "history.jsonl").read_text().splitlines() for name in ("one", "two")]
    losses = [[json.loads(line)["loss"] for line in history if '"loss"' in line] for history in histories]
    assert len(losses[0]) == 3  # steps 10, 20 and 21
    np.testing.assert_allclose(losses[0], losses[1], rtol=0, atol=1e-5)
