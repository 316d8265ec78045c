"""result.json: what one run measured, in sections that several programs write."""

import datetime
import importlib.metadata
import math
import os
import pathlib
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from contextnet_tf import files
from contextnet_tf.errors import InputError
from contextnet_tf.machine import available_cores

FILE_NAME = "result.json"

# Distributions whose version can change a result, in the order in which a report lists them.
DISTRIBUTIONS = (
    "contextnet_tf",
    "tensorflow",
    "keras",
    "numpy",
    "numba",
    "opencv-python",
    "opencv-python-headless",
    "ai-edge-litert",
    "openvino",
    "onnx",
    "onnxruntime",
    "torch",
    "tensorflow-datasets",
    "tensorboard",
    "matplotlib",
    "absl-py",
)

_TEXT_SECTIONS = ("commit", "date")  # every other section is a JSON object


def update_results(run_dir: str | os.PathLike, **sections: Any) -> None:
    """Merges `sections` into `run_dir`/result.json; the file is replaced as a whole.

    A section replaces the one of its name; sections that are not named stay. "flags" holds one
    entry a program, and only the named programs' entries are replaced. NumPy values become plain
    ones; numbers that are not finite become null, since JSON has no word for them. Programs write
    one after the other; two that write at the same moment would lose one's sections.

    Raises:
      InputError: the file is there but damaged, or the folder cannot be written.
    """
    path = pathlib.Path(run_dir) / FILE_NAME
    results = read_results(run_dir) if path.exists() else {}
    for name, value in sections.items():
        value = _plain(value)
        if name == "flags":
            value = {**results.get(name, {}), **value}
        results[name] = value
    files.write_json(path, results)


def read_results(run_dir: str | os.PathLike) -> dict[str, Any]:
    """The sections of `run_dir`/result.json by name.

    Raises:
      InputError: the file is missing, is not JSON, or a section has not the form of a section.
    """
    path = pathlib.Path(run_dir) / FILE_NAME
    if not path.exists():
        raise InputError(f"{path}: is missing; name the folder of a run that train or evaluate wrote")
    results = files.read_json(path)
    if not isinstance(results, dict):
        raise InputError(f"{path}: holds no JSON object of sections; was it written by another program?")
    for name, value in results.items():
        expected = str | None if name in _TEXT_SECTIONS else dict
        if not isinstance(value, expected):
            raise InputError(f"{path}: section {name!r} is damaged; delete it or run its program again")
    return results


def evaluated_split(results: Mapping[str, Any]) -> str | None:
    """The split that the figures of the section "evaluation" are of: its own word, else the dataset's."""
    return results.get("evaluation", {}).get("split") or results.get("dataset", {}).get("split")


def recorded_dataset(
    folders: Iterable[str | os.PathLike], name: str | None, data_dir: str | None
) -> tuple[str | None, str | None]:
    """The dataset's name and folder: as given, or else as the first result.json in `folders` names them.

    A recorded folder is taken only for the dataset that it was recorded with. Both may stay None.

    Raises:
      InputError: a result.json is damaged.
    """
    recorded = _recorded(folders)
    name = name or recorded.get("name")
    if data_dir is None and recorded.get("name") == name:
        data_dir = recorded.get("data_dir")
    return name, data_dir


def recorded_class_table(folders: Iterable[str | os.PathLike], name: str | None) -> dict[str, Any] | None:
    """What `get_dataset` needs besides the name of the dataset `name`, as the first result.json in `folders` holds it;
    None where that one names another dataset, or one that needs nothing.

    Raises:
      InputError: a result.json is damaged.
    """
    recorded = _recorded(folders)
    return recorded.get("class_table") if recorded.get("name") == name else None


def environment() -> dict[str, Any]:
    """What a figure depends on besides the flags: sections "versions", "machine", "commit", "date".

    "versions": {"python": ..., distribution: version}, the distributions that are installed;
    "machine": {"processor", "cores" (usable), "memory_gib" (null where unknown), "system"};
    "commit": of the checkout, with "+changes" where files differ from it, null outside a checkout;
    "date": local time with its offset, ISO 8601. None of the packages is imported for it.
    """
    return {
        "versions": _versions(),
        "machine": {
            "processor": _processor(),
            "cores": available_cores(),
            "memory_gib": _memory_gib(),
            "system": f"{platform.system()} {platform.release()}",
        },
        "commit": _commit(),
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _recorded(folders: Iterable[str | os.PathLike]) -> dict[str, Any]:
    """The section "dataset" of the first result.json in `folders` that has one; else empty."""
    for folder in folders:
        section = read_results(folder).get("dataset") if (pathlib.Path(folder) / FILE_NAME).is_file() else None
        if section:
            return section
    return {}


def _plain(value: Any) -> Any:
    """`value` in the types that JSON knows; nan and infinities as None."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in DISTRIBUTIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _processor() -> str:
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip().lower() == "model name" and value.strip():
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    if sys.platform == "win32":
        return None
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    except (ValueError, OSError):
        return None


def _commit() -> str | None:
    """The commit of the checkout that holds this package; None where it lies in none."""
    checkout = pathlib.Path(__file__).resolve().parents[2]
    if not (checkout / ".git").exists():  # a repository further up is not ours
        return None
    commit = _git(checkout, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    return commit + ("+changes" if changes else "")


def _git(checkout: pathlib.Path, *arguments: str) -> str | None:
    """What git prints, or None where it fails or is not installed."""
    # Inside a git hook these variables name another repository or index.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        finished = subprocess.run(
            ["git", "-C", str(checkout), *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            env=variables,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return finished.stdout.strip() if finished.returncode == 0 else None
