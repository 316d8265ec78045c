"""The timing protocol: interleaved rows, medians, latency from pixels to labels.

Section 3.1 of the paper measures one frame at a time, on one CPU thread: the copy to the GPU, the kernels, the copy
back. Here a frame is likewise measured from the image in memory, uint8, to its labels in memory. In each round, every
runtime processes one frame, so load on the machine affects all runtimes alike. The first rounds warm up and are
ignored.
"""

import dataclasses
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)
Sample = Mapping[str, float]  # milliseconds of each part of one frame


@dataclasses.dataclass(frozen=True)
class Timing:
    """The latency of a frame in milliseconds: median, 10th and 90th percentile, and the median of each part."""

    milliseconds: float
    spread: tuple[float, float]
    parts: Mapping[str, float]

    @property
    def frames_per_second(self) -> float:
        """Throughput, computed from the median latency."""
        return 1000.0 / self.milliseconds


def interleave(
    rows: Mapping[Key, Callable[[], Sample]],
    *,
    rounds: int,
    warm_up: int,
    on_sample: Callable[[], None] = lambda: None,
) -> dict[Key, Timing]:
    """Calls every row once per round, in order; returns the timings of `rounds` rounds after `warm_up` rounds.

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
    """The timing of one or more samples with the same parts; the latency of a frame is the sum of its parts."""
    totals = [sum(sample.values()) for sample in samples]
    low, high = np.percentile(totals, (10, 90))
    parts = {part: float(np.median([sample[part] for sample in samples])) for part in samples[0]}
    return Timing(float(np.median(totals)), (float(low), float(high)), parts)
