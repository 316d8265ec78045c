"""When the compiled way is taken: with numba, and with a folder for what it compiled."""

import concurrent.futures
import importlib.abc
import sys
import time

import numpy as np
import pytest

from contextnet_tf import deployment
from contextnet_tf.deployment import upsample

MODULE = "contextnet_tf.deployment.upsample_compiled"


@pytest.fixture(autouse=True)
def new_process(monkeypatch):
    """As if nothing had been imported and chosen yet."""
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    monkeypatch.delattr(deployment, "upsample_compiled", raising=False)
    upsample.fastest_implementation.cache_clear()
    yield
    upsample.fastest_implementation.cache_clear()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The only folder that numba may store what it compiled in; it does not exist yet."""
    numba = pytest.importorskip("numba")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "compiled"))
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")
    return tmp_path / "compiled"


def taken() -> str:
    return upsample.fastest_implementation().__module__


def test_numpy_without_numba(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "numba", None)  # as Python marks a module that cannot be imported
    assert taken() == "contextnet_tf.deployment.upsample_numpy"
    assert not caplog.records


def test_threads_that_look_for_numba_at_once_do_not_warn(monkeypatch, caplog):
    class Missing(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path, target=None):
            if name == "numba":
                time.sleep(0.05)  # the others begin meanwhile
                raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.delitem(sys.modules, "numba", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        ways = list(threads.map(lambda _: taken(), range(4)))
    assert ways == ["contextnet_tf.deployment.upsample_numpy"] * 4
    assert not caplog.records


def test_numpy_where_nothing_can_be_stored(folder, caplog):
    folder.write_text("a file in the place of the folder")
    assert taken() == "contextnet_tf.deployment.upsample_numpy"
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.message.startswith("numba cannot be used (")


def test_compiled_once_and_stored(folder, monkeypatch):
    logits = np.array([[[3, 0], [0, 1]]], np.float32)
    with concurrent.futures.ThreadPoolExecutor(4) as threads:  # all of them meet the first compilation
        labels = list(threads.map(lambda _: upsample.upsample_argmax(logits, (1, 4)).tolist(), range(8)))
    assert labels == [[[0, 0, 0, 1]]] * 8
    assert taken() == MODULE
    assert len(list(folder.rglob("*.nbc"))) == 1  # numba's files of machine code
    # The next process reads them; damaged, they leave it without the compiled way.
    for path in folder.rglob("*.nbi"):
        path.write_bytes(b"")
    monkeypatch.delitem(sys.modules, MODULE)
    monkeypatch.delattr(deployment, "upsample_compiled")
    upsample.fastest_implementation.cache_clear()
    assert taken() == "contextnet_tf.deployment.upsample_numpy"
