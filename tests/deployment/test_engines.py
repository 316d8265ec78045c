"""Every engine on the same network: the same labels, the same refusals, and twins that work at once."""

import ctypes
import os
import shutil
import sys
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from contextnet_tf.compression.fold import fold_batch_norm
from contextnet_tf.deployment.engines import ENGINES
from contextnet_tf.deployment.export import export_saved_model, export_tflite
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError, NotInstalledError
from contextnet_tf.models.registry import build_model

TFLITE_ENGINES = [name for name in ENGINES if name not in ("tensorflow", "onnxruntime")]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """cn14 in all forms in which engines take it, for images of 64 x 96."""
    folder = tmp_path_factory.mktemp("exported")
    keras.utils.set_random_seed(0)
    network = fold_batch_norm(build_model("cn14", input_shape=(None, None, 3)))
    images = [image_of((64, 96), seed) for seed in range(20)]
    export_tflite(network, folder / "float32.tflite", size=(64, 96))
    export_tflite(network, folder / "float16.tflite", "float16", size=(64, 96))
    export_tflite(network, folder / "int8.tflite", "int8", size=(64, 96), calibration=images)
    export_tflite(network, folder / "labels.tflite", size=(64, 96), output="labels")
    export_saved_model(network, folder / "saved_model", size=(64, 96))
    network.save(folder / "network.keras")
    return folder


def image_of(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def dense(exported):
    """The labels of an image of 60 x 90, the dense way: pad, run the whole network, take the arg-max, crop."""
    network = keras.saving.load_model(exported / "network.keras")
    padded = np.pad(image_of((60, 90)), ((0, 4), (0, 6), (0, 0)), mode="edge")
    return tf.argmax(network(padded[None] / np.float32(255))["main"][0], axis=-1).numpy()[:60, :90]


@pytest.mark.parametrize(
    ("engine", "file"),
    [
        ("litert", "float32.tflite"),
        ("litert", "labels.tflite"),
        ("tensorflow", "network.keras"),
        ("tensorflow", "saved_model"),
        ("openvino-float32", "float32.tflite"),
        ("openvino-float32", "labels.tflite"),
    ],
)
def test_float32_gives_the_labels_of_the_dense_network(exported, dense, engine, file):
    segmenter = Segmenter(exported / file, engine=engine, num_threads=1 if engine != "tensorflow" else None)
    labels = segmenter.segment(image_of((60, 90)))
    assert len(np.unique(labels)) > 1
    assert (labels == dense).mean() > 0.999  # but for ties up to rounding
    assert segmenter.num_classes == 19
    cores = len(os.sched_getaffinity(0))
    assert segmenter.workers == (1 if engine == "tensorflow" else cores)
    if file != "network.keras":
        assert (segmenter.size, segmenter.metadata["model"]) == ((64, 96), "cn14")


@pytest.mark.parametrize("engine", TFLITE_ENGINES)
def test_float16_gives_nearly_the_labels_of_float32(exported, dense, engine):
    labels = Segmenter(exported / "float16.tflite", engine=engine).segment(image_of((60, 90)))
    # An untrained network is the hardest case: its classes are nowhere far apart. OpenVINO's bfloat16 on a
    # processor that has it: 0.9; all else above 0.98.
    assert (labels == dense).mean() > (0.8 if engine == "openvino" else 0.98)


@pytest.mark.parametrize("engine", ["tensorflow", *TFLITE_ENGINES])
def test_twins_work_at_once_and_give_the_same(exported, engine):
    source = exported / ("saved_model" if engine == "tensorflow" else "float32.tflite")
    first = ENGINES[engine](source, None if engine == "tensorflow" else 1)
    images = [image_of((64, 96), seed) for seed in range(4)]
    expected = [first.logits(image) for image in images]
    given = {}

    def work(number: int, twin) -> None:
        given[number] = [twin.logits(image) for image in images for _ in range(5)]

    threads = [threading.Thread(target=work, args=(i, x)) for i, x in enumerate([first, first.twin(), first.twin()])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(3):
        np.testing.assert_array_equal(np.stack(given[number]), np.repeat(np.stack(expected), 5, axis=0))


@pytest.mark.parametrize("engine", TFLITE_ENGINES)
def test_signal_handlers_keep_their_stack(exported, engine):
    def stack():
        words = (ctypes.c_void_p * 3)()
        assert ctypes.CDLL(None).sigaltstack(None, words) == 0
        return list(words)

    before = stack()
    first = ENGINES[engine](exported / "float32.tflite", 1)
    second = first.twin()
    assert stack() == before
    del first
    del second
    assert stack() == before


@pytest.mark.parametrize("engine", TFLITE_ENGINES)
def test_files_that_no_engine_takes(exported, tmp_path, engine):
    with pytest.raises(InputError, match=r"absent.tflite: is not a file; give a .tflite file"):
        Segmenter(tmp_path / "absent.tflite", engine=engine)
    (tmp_path / "text.tflite").write_text("no network at all")
    with pytest.raises(InputError, match="text.tflite: is not a TFLite file"):
        Segmenter(tmp_path / "text.tflite", engine=engine)
    whole = (exported / "float32.tflite").read_bytes()
    (tmp_path / "cut.tflite").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut.tflite: cannot be used"):
        Segmenter(tmp_path / "cut.tflite", engine=engine)
    with pytest.raises(InputError, match="runs a .tflite file, not a int; give its path"):
        Segmenter(3, engine=engine)


def test_saved_models_that_cannot_be_used(exported, tmp_path):
    shutil.copytree(exported / "saved_model", tmp_path / "cut")
    content = (tmp_path / "cut" / "saved_model.pb").read_bytes()
    (tmp_path / "cut" / "saved_model.pb").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cut: cannot be loaded"):
        Segmenter(tmp_path / "cut", engine="tensorflow")
    doubled = tf.Module()
    doubled.run = tf.function(lambda x: 2.0 * x, input_signature=[tf.TensorSpec([1, 4], tf.float32)])
    tf.saved_model.save(doubled, str(tmp_path / "other"), signatures={"logits": doubled.run})
    with pytest.raises(InputError, match="other: has no signature from an image to logits"):
        Segmenter(tmp_path / "other", engine="tensorflow")


def test_an_engine_that_is_not_installed(exported, monkeypatch):
    monkeypatch.delitem(sys.modules, "contextnet_tf.deployment.engines.openvino", raising=False)
    monkeypatch.setitem(sys.modules, "openvino", None)  # as Python marks a module that cannot be imported
    needs = r"^the engine openvino needs openvino, which is not installed; in the checkout: .*\[openvino\]'$"
    for engine in ("openvino", "openvino-float32"):
        with pytest.raises(NotInstalledError, match=needs):
            Segmenter(exported / "float32.tflite", engine=engine)


def test_an_engine_with_a_broken_library_is_not_called_missing(exported, monkeypatch, tmp_path):
    (tmp_path / "openvino.py").write_text("raise ImportError('libtbb.so.12: cannot open shared object file')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("contextnet_tf.deployment.engines.openvino", "openvino"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(ImportError, match=r"^libtbb.so.12: cannot open shared object file$"):
        Segmenter(exported / "float32.tflite", engine="openvino")
