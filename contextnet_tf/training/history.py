"""What a run leaves for people to look at: history.jsonl, and the same in TensorBoard with pictures."""

import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.colours import overlay
from contextnet_tf.datasets.pipeline import evaluation_examples
from contextnet_tf.datasets.sources import Example
from contextnet_tf.evaluation.evaluate import Report
from contextnet_tf.files import replacing_file

_PICTURES = 3  # validation pictures shown in TensorBoard


class History:
    """Writes the curves of one run. After a resumption the part beyond the checkpoint is dropped."""

    def __init__(self, folder: pathlib.Path, first_step: int, dataset: Dataset):
        self._path = folder / "history.jsonl"
        self._dataset = dataset
        kept = []
        if self._path.exists():
            lines = self._path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if _step_of(line) <= first_step]
        with replacing_file(self._path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        self._board = tf.summary.create_file_writer(str(folder / "tensorboard"))

    def training(self, step: int, epoch: float, figures: Mapping[str, float]) -> None:
        """Adds a point to the training curves."""
        self._append({"step": step, "epoch": epoch, **figures})
        self._scalars("train", step, figures)

    def validation(
        self, step: int, epoch: float, report: Report, segment: Callable, examples: Sequence[Example]
    ) -> None:
        """Adds a validation: its figures, the IoU of each class, and a few of the pictures as segmented by
        `segment` (uint8 [H, W, 3] -> train ids uint8 [H, W]), the classes laid over."""
        figures = {"val_mean_iou": report.mean_iou, "val_pixel_accuracy": report.pixel_accuracy}
        self._append({"step": step, "epoch": epoch, **figures})
        self._scalars("validation", step, {name.removeprefix("val_"): value for name, value in figures.items()})
        self._scalars("iou", step, report.class_iou)
        spread = [examples[i] for i in np.linspace(0, len(examples) - 1, _PICTURES).astype(int)]
        with self._board.as_default():
            for place, (image, _) in enumerate(evaluation_examples(self._dataset, spread)):
                shown = overlay(image.numpy(), np.asarray(segment(image)), self._dataset.palette)
                tf.summary.image(f"validation/{place}", shown[np.newaxis], step)
        self._board.flush()

    def close(self) -> None:
        """Ends the TensorBoard file."""
        self._board.close()

    def _append(self, line: Mapping[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _scalars(self, group: str, step: int, figures: Mapping[str, float]) -> None:
        with self._board.as_default():
            for name, value in figures.items():
                if np.isfinite(value):
                    tf.summary.scalar(f"{group}/{name}", value, step)


def _step_of(line: str) -> int:
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError):
        return 2**62  # a line cut off by a crash is younger than any checkpoint
