"""ContextNet (Poudel, Bonde, Liwicki, Zach, 2018) in TensorFlow 2 and Keras: real-time street segmentation,
from images to files for embedded devices.

A public name is imported when it is first used. Segmenting with an exported file therefore needs neither TensorFlow
nor Keras. `__init__.pyi` lists the public names.
"""

import importlib
import os
import pathlib
import platform
import re
import sys
from typing import Any

from contextnet_tf.errors import needed_by

_LISTED = re.compile(r"^from (\S+) import (\w+) as \2$", re.MULTILINE)
_MODULES = {
    name: module
    for module, name in _LISTED.findall(pathlib.Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
}
if "keras" not in sys.modules:
    # Before Keras is imported: KERAS_BACKEND, or the backend in ~/.keras/keras.json, may be another project's.
    os.environ["KERAS_BACKEND"] = "tensorflow"
if "tensorflow" not in sys.modules and platform.machine() in ("x86_64", "AMD64"):
    # On processors without AVX512-VNNI, TensorFlow leaves oneDNN off; a training step then takes 1.7 times as long.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__all__ = sorted(_MODULES)  # for type checkers and editors: see __init__.pyi


def __getattr__(name: str) -> Any:
    """The public name `name`, see PEP 562.

    Raises:
      AttributeError: there is no such name.
      NotInstalledError: it needs a package that is not installed.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with needed_by(f"{__name__}.{name}"):
        value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
