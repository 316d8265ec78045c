"""Figures as text, written in the same way in every table, plot and page. An unknown figure (None, nan) is a dash."""

import datetime
import shlex
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from contextnet_tf import files
from contextnet_tf.runs.provenance import Machine

UNKNOWN = "–"

_DATASET_TITLES = {
    "cityscapes": "Cityscapes",
    "camvid": "CamVid",
    "streets": "synthetic scenes",
    "folder": "own images",
}
_ENGINE_TITLES = {
    "litert": "LiteRT",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
    "openvino": "OpenVINO",
    "openvino-float32": "OpenVINO float32",
    "onnxruntime": "ONNX Runtime",
}
_SPLIT_TITLES = {"train": "training split", "val": "validation split", "test": "test split"}


def percent(fraction: float | None, decimals: int = 1, sign: str = "") -> str:
    """0.6587 -> "65.9", or "65.9 %" with the sign " %"."""
    if fraction is None or fraction != fraction:
        return UNKNOWN
    return f"{100 * fraction:.{decimals}f}{sign}"


def mean_percent(fractions: Sequence[float], decimals: int = 1) -> str:
    """The mean as `percent` writes it: [0.5, 0.75] -> "62.5"; unknown if there is none."""
    return percent(statistics.mean(fractions) if fractions else None, decimals)


def count(number: int | None) -> str:
    """846179 -> "846,179"."""
    return UNKNOWN if number is None else f"{number:,}"


def magnitude(number: float | None) -> str:
    """846179 -> "0.85 M", 5632000000 -> "5.63 G"; whole numbers below ten thousand as they are."""
    if number is None:
        return UNKNOWN
    for factor, letter in ((1e9, "G"), (1e6, "M")):
        if number >= 0.1 * factor:
            return f"{number / factor:.2f} {letter}"
    return count(int(number)) if number < 1e4 else f"{number / 1e3:.1f} k"


def file_size(size: int | None) -> str:
    """3412345 -> "3.41 MB"."""
    return UNKNOWN if size is None else files.file_size(size)


def image_size(size: Sequence[float] | None) -> str:
    """[256, 512] -> "256 × 512", height first."""
    return UNKNOWN if not size else " × ".join(map(str, size))


def decimal(number: float | None, decimals: int = 1) -> str:
    """18.31 -> "18.3"."""
    return UNKNOWN if number is None else f"{number:,.{decimals}f}"


def speed(frames_per_second: float | None) -> str:
    """18.31 -> "18.3", 0.038 -> "0.04"."""
    slow = frames_per_second is not None and frames_per_second < 0.95
    return decimal(frames_per_second, 2 if slow else 1)


def significant(number: float | None, digits: int = 6) -> str:
    """60.0 -> "60", 0.0000321 with 2 digits -> "3.2e-05"."""
    return UNKNOWN if number is None else f"{number:.{digits}g}"


def duration(minutes: float | None) -> str:
    """Minutes: 0.5 -> "30 s", 8.25 -> "8 min", 72 -> "1 h 12 min"."""
    if minutes is None:
        return UNKNOWN
    if minutes < 1.5:
        return f"{60 * minutes:.0f} s"
    hours, rest = divmod(round(minutes), 60)
    return f"{hours} h {rest:02d} min" if hours else f"{rest} min"


def milliseconds(spread: Sequence[float | None] | None) -> str:
    """[47.9, 55.3] -> "47.9 to 55.3 ms"."""
    if not spread or None in spread:
        return UNKNOWN
    return f"{' to '.join(map(decimal, spread))} ms"


def memory(gib: float | None) -> str:
    """23.5 -> "23.5 GiB"."""
    return UNKNOWN if gib is None else f"{gib:g} GiB"


def machine(found: Machine | None) -> str:
    """ "2 x AMD EPYC": usable cores and processor."""
    return f"{found.cores} x {found.processor}" if found else UNKNOWN


def commit(text: str | None) -> str:
    """The first ten digits of a commit; "+changes" stays, since that code cannot be checked out again."""
    if not text:
        return UNKNOWN
    digits, plus, changes = text.partition("+")
    return digits[:10] + plus + changes


def date(text: str | None) -> str:
    """ "2026-11-23T07:00:47+00:00" -> "23 November 2026"; another text as it is."""
    try:
        day = datetime.datetime.fromisoformat(text or "")
    except ValueError:
        return text or UNKNOWN
    return f"{day.day} {day:%B %Y}"


def dataset_title(name: str | None) -> str:
    """The dataset's name as people write it."""
    return _DATASET_TITLES.get(name or "", name or UNKNOWN)


def split_title(name: str | None) -> str:
    """ "val" -> "validation split"."""
    return _SPLIT_TITLES.get(name or "", f"split {name}" if name else UNKNOWN)


def engine_title(name: str | None) -> str:
    """ "litert" -> "LiteRT"."""
    return _ENGINE_TITLES.get(name or "", name or UNKNOWN)


def setting(value: Any) -> str:
    """The value of a flag or of a part of a recipe: True -> "yes", [352, 480] -> "352, 480"."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def flag(name: str, value: Any) -> str:
    """A flag as a shell takes it: a list joined by commas, a boolean without a value and with "no" if False."""
    if isinstance(value, bool):
        return f"--{'' if value else 'no'}{name}"
    text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return shlex.quote(f"--{name}={text}")


def command(program: str, flags: Mapping[str, Any]) -> str:
    """The line that runs `program` with these flags; flags without a value are left out."""
    given = [flag(name, value) for name, value in flags.items() if value is not None]
    return " ".join(["python", "-m", f"experiments.{program}", *given])
