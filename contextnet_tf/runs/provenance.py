"""The origin of a figure besides the flags: versions, machine, commit and date."""

import dataclasses
import datetime
import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys

from contextnet_tf.machine import available_cores
from contextnet_tf.runs.records import Record

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
    "ncnn",
    "torch",
    "tensorflow-datasets",
    "tensorboard",
    "matplotlib",
    "absl-py",
)


@dataclasses.dataclass(frozen=True)
class Machine(Record):
    """The machine of a measurement. `cores`: usable by the process. `memory_gib`: None if unknown."""

    processor: str | None = None
    cores: int | None = None
    memory_gib: float | None = None
    system: str | None = None


@dataclasses.dataclass(frozen=True)
class Provenance(Record):
    """The origin of a figure besides the flags; incomplete in files of version 0.

    Attributes:
      versions: of Python, and of each installed distribution of `DISTRIBUTIONS`.
      machine: the machine that the program ran on.
      commit: of the checkout, with "+changes" if tracked files are modified; None outside a checkout.
      date: local time with its offset, ISO 8601.
    """

    versions: dict[str, str] | None = None
    machine: Machine | None = None
    commit: str | None = None
    date: str | None = None


def current_provenance() -> Provenance:
    """The provenance of this process; imports no package."""
    return Provenance(
        versions=_versions(),
        machine=Machine(
            processor=_processor(),
            cores=available_cores(),
            memory_gib=_memory_gib(),
            system=f"{platform.system()} {platform.release()}",
        ),
        commit=_commit(),
        date=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
    )


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
    """The commit of the checkout that contains this package; None outside a checkout."""
    checkout = pathlib.Path(__file__).resolve().parents[2]
    if not (checkout / ".git").exists():  # a repository further up is not ours
        return None
    commit = _git(checkout, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    return commit + ("+changes" if changes else "")


def _git(checkout: pathlib.Path, *arguments: str) -> str | None:
    """The output of git; None if git fails or is not installed."""
    # safe.directory: the checkout may be another user's. Inside a hook GIT_ variables name another repository.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        finished = subprocess.run(
            ["git", "-c", f"safe.directory={checkout}", "-C", str(checkout), *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            env=variables,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return finished.stdout.strip() if finished.returncode == 0 else None
