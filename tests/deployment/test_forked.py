"""A Segmenter in a process that was forked after the network was loaded."""

import multiprocessing
import warnings

import numpy as np
import pytest

import contextnet_tf as cn
from contextnet_tf import presets
from contextnet_tf.errors import InputError

IMAGE = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)


def in_a_fork(held: list[cn.Segmenter]):
    """What the child gets from the Segmenter in `held`, the only reference to it, before it frees it: the labels, or
    the text of the error. Fails if the child waits."""

    def work(sender):
        try:
            outcome = held[0].segment(IMAGE)
        except InputError as error:
            outcome = str(error)
        held.clear()
        sender.send(outcome)

    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=work, args=(sender,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: of forking with threads
        child.start()
    try:
        assert receiver.poll(120), "the child waits"
        return receiver.recv()
    finally:
        child.kill()
        child.join()


@pytest.mark.parametrize("engine", ["litert", "openvino"])
def test_the_child_labels_as_the_parent_does_and_frees_its_segmenter(engine):
    if engine == "openvino":
        pytest.importorskip("openvino")
    held = [cn.Segmenter("preset:cn14-160-camvid", engine=engine, num_threads=2)]
    np.testing.assert_array_equal(in_a_fork(held), held[0].segment(IMAGE))


def test_tensorflow_is_refused_instead_of_waiting():
    held = [cn.Segmenter(presets.preset_dir("cn14-160-camvid"), engine="tensorflow")]
    assert held[0].segment(IMAGE).shape == (96, 128)
    assert in_a_fork(held) == (
        "engine tensorflow: does not work in a forked process; use multiprocessing's start method 'spawn', or the "
        "engine 'litert'"
    )
