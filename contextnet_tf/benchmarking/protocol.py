"""The protocol by which times are compared: taking turns, medians, what a frame takes from pixels to labels.

Section 3.1 of the paper counts one frame at a time, on one thread, with everything from the image in memory to
the labels in memory. Here every contender does one frame in its turn, round after round, so that a busy minute
of the machine meets all of them alike; the first rounds warm up and do not count.
"""

import dataclasses
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)
Sample = Mapping[str, float]  # milliseconds of each part of one frame


@dataclasses.dataclass(frozen=True)
class Timing:
    """What a frame takes, in milliseconds: the median, the 10th and 90th percentile, and each part's median."""

    milliseconds: float
    spread: tuple[float, float]
    parts: Mapping[str, float]

    @property
    def frames_per_second(self) -> float:
        """By the median."""
        return 1000.0 / self.milliseconds


def take_turns(
    rows: Mapping[Key, Callable[[], Sample]],
    *,
    rounds: int,
    warm_up: int,
    on_sample: Callable[[], None] = lambda: None,
) -> dict[Key, Timing]:
    """Calls every row once in each of `warm_up` + `rounds` rounds, in order; the timings of the last `rounds`.

    `on_sample` is called after each call of a row.
    """
    samples: dict[Key, list[Sample]] = {key: [] for key in rows}
    for number in range(warm_up + rounds):
        for key, row in rows.items():
            sample = row()
            if number >= warm_up:
                samples[key].append(sample)
            on_sample()
    return {key: summary(taken) for key, taken in samples.items()}


def summary(samples: list[Sample]) -> Timing:
    """The timing of one or more samples with the same parts; a frame's time is the sum of its parts."""
    totals = [sum(sample.values()) for sample in samples]
    low, high = np.percentile(totals, (10, 90))
    parts = {part: float(np.median([sample[part] for sample in samples])) for part in samples[0]}
    return Timing(float(np.median(totals)), (float(low), float(high)), parts)
