"""--help and wrong flags are answered before TensorFlow, Keras or Matplotlib are loaded."""

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PROGRAMS = sorted(
    f"{path.parent.relative_to(ROOT).as_posix().replace('/', '.')}.{path.stem}"
    for folder in ("experiments", "data/streets", "data/cityscapes")
    for path in (ROOT / folder).glob("*.py")
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
)
# Each program is imported in a process of its own, a fork of one that holds what they share.
IMPORTS = """
import importlib, json, os, sys
from experiments import program
heavy = {"tensorflow", "keras", "matplotlib", "jinja2", "numba", "openvino", "onnx", "torch", "av"}
loaded = {}
for name in sys.argv[1:]:
    reading, writing = os.pipe()
    if not os.fork():
        try:
            importlib.import_module(name)
            os.write(writing, json.dumps(sorted(heavy & set(sys.modules))).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        loaded[name] = pipe.read()
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded():
    """By program, the JSON list of the heavy packages that its import loads."""
    command = [sys.executable, "-c", IMPORTS, *PROGRAMS]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(shown.stdout)


@pytest.mark.parametrize("program", PROGRAMS)
def test_flags_are_parsed_before_anything_heavy_is_loaded(loaded, program):
    assert loaded[program] == "[]"
