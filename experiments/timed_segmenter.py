"""Labels images and measures the speed: latency for sequential images, throughput for pipelined ones."""

import collections
import contextlib
import itertools
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError
from contextnet_tf.runs.sections import RuntimeSection
from experiments.inputs import Item


class TimedSegmenter:
    """Labels items sequentially or pipelined, and records the speed."""

    def __init__(self, segmenter: Segmenter, workers: int, *, warm_up: bool = True):
        """`warm_up`: whether the first item is segmented once before the timing, by each worker."""
        self._segmenter, self._workers, self._warm_up = segmenter, workers, warm_up
        self._milliseconds, self._sizes = [], []

    def labeled(self, items: Iterable[Item]) -> Iterator[tuple[Item, np.ndarray]]:
        """Each item with its labels uint8 [H, W], in order.

        Raises:
          InputError: an image cannot be segmented, for example is too large to be padded; what `items` raises.
        """
        items = iter(items)
        first = next(items)
        warm_up = [first.image] * (self._workers if self._warm_up else 0)
        with _naming([first]):
            collections.deque(self._segmenter.stream(warm_up, workers=self._workers), maxlen=0)
        each = self._sequential if self._workers == 1 else self._pipelined
        for item, labels in each(itertools.chain([first], items)):
            self._sizes.append(labels.shape)
            yield item, labels

    def _sequential(self, items: Iterator[Item]) -> Iterator[tuple[Item, np.ndarray]]:
        for item in items:
            start = time.perf_counter()
            with _naming([item]):
                labels = self._segmenter.segment(item.image)
            self._milliseconds.append(1000 * (time.perf_counter() - start))
            yield item, labels

    def _pipelined(self, items: Iterator[Item]) -> Iterator[tuple[Item, np.ndarray]]:
        under_way = collections.deque()

        def frames() -> Iterator[np.ndarray]:
            for item in items:
                under_way.append(item)
                yield item.image

        start = time.perf_counter()
        stream = self._segmenter.stream(frames(), workers=self._workers)
        while (labels := self._next(stream, under_way)) is not None:
            yield under_way.popleft(), labels
            now = time.perf_counter()
            self._milliseconds.append(1000 * (now - start))
            start = now

    @staticmethod
    def _next(stream: Iterator[np.ndarray], under_way: collections.deque[Item]) -> np.ndarray | None:
        """The next labels; None at the end. Errors of the source come after the labels of all items under way."""
        with _naming(under_way):
            return next(stream, None)

    def section(self) -> RuntimeSection:
        """The throughput; the latency of one image only for sequential labeling."""
        alone = self._workers == 1
        typical = statistics.median if alone else statistics.mean
        return RuntimeSection(
            workers=self._workers,
            size=statistics.mode(self._sizes),
            images=len(self._sizes),
            milliseconds_median=statistics.median(self._milliseconds) if alone else None,
            milliseconds_spread=tuple(np.percentile(self._milliseconds, (10, 90)).tolist()) if alone else None,
            frames_per_second=1000 / typical(self._milliseconds),
        )


@contextlib.contextmanager
def _naming(under_way: Sequence[Item]) -> Iterator[None]:
    """Names the first of the items under way in an InputError; with none, the error is that of their source."""
    try:
        yield
    except InputError as error:
        if not under_way:
            raise
        raise InputError(f"{under_way[0].name}: {error}") from None
