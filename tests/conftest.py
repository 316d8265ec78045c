"""What the tests share: small datasets, and programs called as from the shell."""

import dataclasses
import sys
import types

import pytest
from absl.testing import flagsaver
from folders import write_camvid, write_cityscapes

from experiments import program


def pytest_runtest_setup():
    """Draws the same random weights in every run, so that a failure can be repeated."""
    if keras := sys.modules.get("keras"):  # tests/device runs where there is none
        keras.utils.set_random_seed(1234)  # of no program's default, lest a test's weights are a run's by chance


@dataclasses.dataclass(frozen=True)
class Called:
    """What a program did: exit status, standard output, standard error."""

    status: int
    out: str
    err: str


@pytest.fixture
def call(capsys):
    """Calls a program as from the shell, in this process: `call(train, "--epochs=1", ...) -> Called`."""

    def run(module: types.ModuleType, *arguments: str) -> Called:
        status = 0
        with flagsaver.flagsaver():
            try:
                program.with_plain_errors(module.main)(program.parse_flags([module.__name__, *arguments]))
            except SystemExit as end:
                status = end.code
        return Called(status, *capsys.readouterr())

    return run


@pytest.fixture
def camvid_dir(tmp_path):
    """A CamVid folder: see `folders.write_camvid`."""
    return write_camvid(tmp_path)


@pytest.fixture(scope="module")
def camvid_module_dir(tmp_path_factory):
    """A CamVid folder that the tests of a module share; they must not change it."""
    return write_camvid(tmp_path_factory.mktemp("data"))


@pytest.fixture
def cityscapes_dir(tmp_path):
    """A folder of Cityscapes' layout: see `folders.write_cityscapes`."""
    return write_cityscapes(tmp_path)
