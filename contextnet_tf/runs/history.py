"""history.jsonl: the metrics of a run over its steps, one JSON object per line."""

import json
import math
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write, json_text, naming_write_errors
from contextnet_tf.runs.layout import HISTORY
from contextnet_tf.runs.migration import migrated_history_entry
from contextnet_tf.runs.records import plain

# The figures of a line that a page shows, besides "step" and "epoch".
LOSSES = {"loss": "total", "main_loss": "main head", "aux_loss": "auxiliary head"}
LEARNING_RATE = "learning_rate"
MEAN_IOU = "val_mean_iou"
PIXEL_ACCURACY = "val_pixel_accuracy"
IMAGES_PER_SECOND = "images_per_second"


class History:
    """Appends lines. `length` is the number of lines; lines of an earlier process beyond `length` are removed."""

    def __init__(self, path: pathlib.Path, length: int):
        self._path = path
        self.length = length
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []  # what follows the last break was cut off
        with atomic_write(path) as temporary:
            temporary.write_bytes(b"".join(line + b"\n" for line in lines[:length]))

    def append(self, step: int, epoch: float, figures: Mapping[str, float]) -> None:
        """Adds the metrics of a step; values that are not finite become null.

        Raises:
          InputError: the file cannot be written, for example because the disk is full.
        """
        line = json_text(plain({"step": step, "epoch": epoch, **figures}))
        with naming_write_errors(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self.length += 1


def read_history(run_dir: str | os.PathLike) -> list[dict[str, Any]]:
    """The lines of `run_dir`/history.jsonl in order; empty if the file is missing.

    A truncated last line, as left by a killed run, is skipped.

    Raises:
      InputError: another line is not a JSON object, or the file cannot be read.
    """
    path = pathlib.Path(run_dir) / HISTORY
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path}: cannot be read as text; train again, or delete the file") from None
    history = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            if number == len(lines):  # no line break after it: it was being written
                break
            entry = None
        if not isinstance(entry, dict):
            raise InputError(f"{path}:{number}: is not a JSON object; delete the line or train again")
        history.append(migrated_history_entry(entry))
    return history


def curve(history: Sequence[Mapping[str, Any]], name: str) -> tuple[list[float], list[float]]:
    """(epochs, values) of the metric `name`, by step; values that are missing or not finite are left out.

    A resumed run records some steps twice; the later line replaces the earlier one.
    """
    points = {}
    for entry in history:
        epoch: Any = entry.get("epoch")
        value: Any = entry.get(name)
        step: Any = entry.get("step", epoch)
        if all(map(_is_figure, (value, epoch, step))):
            points[step] = (float(epoch), float(value))
    ordered = [points[step] for step in sorted(points)]
    return [epoch for epoch, _ in ordered], [value for _, value in ordered]


def binned(epochs: Sequence[float], values: Sequence[float], bins: int = 200) -> tuple[list[float], list[float]]:
    """At most `bins` points: means of equally many neighbors, as a plot cannot show more."""
    size = max(1, math.ceil(len(values) / bins))
    starts = range(0, len(values), size)
    means = [[sum(part) / len(part) for part in (column[start : start + size] for start in starts)]
             for column in (epochs, values)]  # fmt: skip
    return means[0], means[1]


def _is_figure(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
