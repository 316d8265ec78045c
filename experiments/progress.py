"""Progress of long work on the terminal."""

import math
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import tqdm

from contextnet_tf.reporting.wording import duration

if TYPE_CHECKING:
    from contextnet_tf.evaluation.evaluate import Report

_SECONDS_IN_A_FILE = 30


def progress_bar(iterable: Iterable | None = None, **settings: Any) -> tqdm.tqdm:
    """A tqdm bar as wide as the terminal. In a file, where every update stays, the bar is written twice a minute."""
    if not sys.stderr.isatty():
        settings["mininterval"] = _SECONDS_IN_A_FILE
    return tqdm.tqdm(iterable, dynamic_ncols=True, **settings)


class Progress:
    """The progress bar of training: step, loss, learning rate, images per second and remaining time."""

    def __init__(self):
        self._bar = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, step: int, steps: int, record: dict[str, float]) -> None:
        """Moves the bar to `step`."""
        if self._bar is None:
            self._bar = progress_bar(
                total=steps,
                initial=step - 1,
                bar_format="step {n_fmt}/{total_fmt} {percentage:3.0f}% |{bar}| {elapsed}{postfix}",
            )
        speed = record.get("images_per_second")
        shown = f"loss {record['loss']:.3f}, rate {record['learning_rate']:.1e}"
        shown += "" if speed is None else f", {speed:.1f} images/s"
        self._bar.set_postfix_str(f"{in_words(record['seconds_left'])} left, {shown}", refresh=False)
        self._bar.update()

    def validation(self, step: int, report: "Report") -> None:
        """Prints the validation result above the bar."""
        tqdm.tqdm.write(
            f"step {step}: validation mean IoU {100 * report.mean_iou:.1f} %, "
            f"pixel accuracy {100 * report.pixel_accuracy:.1f} %",
            file=sys.stderr,
        )


def in_words(seconds: float) -> str:
    """40 -> "40 s", 150 -> "3 min", 9000 -> "2 h 30 min"; "?" for a time that is not known."""
    return "?" if math.isnan(seconds) else duration(seconds / 60)
