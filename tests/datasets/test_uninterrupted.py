"""Signals that arrive while TensorFlow makes a batch are handled after it."""

import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest
import tensorflow as tf

from contextnet_tf.datasets import pipeline
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.uninterrupted import Uninterrupted

TENSORFLOW = pathlib.Path(tf.__file__).parent


@pytest.fixture(autouse=True)
def ctrl_c_raises():
    """Shells start background jobs with SIGINT ignored, and the tests with it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_waits_for_the_element_and_is_not_lost():
    made = []

    def elements():
        for number in range(3):
            if number == 1:
                signal.raise_signal(signal.SIGINT)
            made.append(number)
            yield number

    shown = []
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        for element in Uninterrupted(elements()):
            shown.append(element)
    assert made == [0, 1] and shown == [0]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_leaves_the_handlers_as_they_were():
    def broken():
        yield 1
        raise ValueError

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError):
        list(Uninterrupted(broken()))
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_iterate_as_well():
    shown = []
    thread = threading.Thread(target=lambda: shown.extend(Uninterrupted(tf.data.Dataset.range(3))))
    thread.start()
    thread.join()
    assert [int(element) for element in shown] == [0, 1, 2]


def test_evaluation_is_not_interrupted_inside_of_tensorflow(camvid_dir, monkeypatch):
    class Reader(pipeline.ExampleReader):
        def _read(self, index):
            if index == 0:
                os.kill(os.getpid(), signal.SIGINT)
            return super()._read(index)

    monkeypatch.setattr(pipeline, "ExampleReader", Reader)
    camvid = get_dataset("camvid")
    with pytest.raises(KeyboardInterrupt) as caught:
        list(pipeline.evaluation_examples(camvid, camvid.list_examples(camvid_dir, "train")))
    assert not [entry.path for entry in caught.traceback if TENSORFLOW in pathlib.Path(entry.path).parents]


_INTERRUPTED_WHILE_READING = """
import os, signal, sys, time
from contextnet_tf.datasets import pipeline
from contextnet_tf.datasets.catalog import get_dataset

class Reader(pipeline.ExampleReader):
    def _read(self, index):
        if index == 0:
            os.kill(os.getpid(), signal.SIGINT)
        else:
            time.sleep(2)
        return super()._read(index)

signal.signal(signal.SIGINT, signal.default_int_handler)
pipeline.ExampleReader = Reader
camvid = get_dataset("camvid")
list(pipeline.evaluation_examples(camvid, camvid.list_examples(sys.argv[1], "train")))
"""


def test_an_interrupted_process_ends_while_examples_are_read(camvid_dir):
    command = [sys.executable, "-c", _INTERRUPTED_WHILE_READING, str(camvid_dir)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == -signal.SIGINT
    assert ended.stderr.rstrip().endswith("KeyboardInterrupt")
