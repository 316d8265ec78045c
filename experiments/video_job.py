"""Segments a video or camera into an overlay video, for predict and benchmark_video."""

import collections
import contextlib
import itertools
import pathlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from contextnet_tf.datasets.colors import Color
from contextnet_tf.datasets.video import Camera, Video
from contextnet_tf.datasets.video_writer import video_writer
from contextnet_tf.errors import InputError
from experiments.inputs import Item
from experiments.timed_segmenter import TimedSegmenter

_AHEAD = 2  # frames that wait before and after the network


def write_overlay(
    video: Video | Camera,
    segmenter: TimedSegmenter,
    colors: Sequence[Color],
    path: pathlib.Path,
    *,
    max_frames: int | None = None,
    on_frame: Callable[[], object] = lambda: None,
) -> BaseException | None:
    """Writes the overlay video `path`, with the times of the frames; calls `on_frame` for each.

    One thread reads ahead, one colors and writes, and the workers segment further frames meanwhile.

    Returns: the error, or KeyboardInterrupt, that ended the video early; what was segmented before is kept.

    Raises:
      InputError: no frame could be segmented, or the file cannot be written.
    """
    frames = itertools.islice(video.timed_frames(), max_frames)
    items = (Item(video.name, x.image, start=x.start, duration=x.duration) for x in frames)
    count = 0
    with (
        contextlib.closing(video),
        video_writer(path, video.frames_per_second, colors) as write,
        _SerialExecutor() as writing,
        contextlib.closing(_read_ahead(items)) as ahead,
    ):
        try:
            for item, labels in segmenter.labeled(ahead):
                writing.submit(write, item.image, item.start, item.duration, video.pixel_aspect, labels)
                count += 1
                on_frame()
        except (KeyboardInterrupt, InputError) as error:
            if not count:
                raise
            return error
    return None


def _read_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The items; another thread reads up to `_AHEAD` of them in advance."""
    with ThreadPoolExecutor(1, "read") as reader:
        pending = collections.deque(reader.submit(next, items, None) for _ in range(_AHEAD))
        while (item := pending.popleft().result()) is not None:
            pending.append(reader.submit(next, items, None))
            yield item


class _SerialExecutor:
    """Calls functions in another thread, in order; at most `_AHEAD` wait. An error is raised by a later call."""

    def __init__(self):
        self._thread = ThreadPoolExecutor(1, "write")
        self._pending: collections.deque[Future] = collections.deque()

    def submit(self, function: Callable[..., object], *arguments: Any) -> None:
        """Has the function called."""
        self._pending.append(self._thread.submit(function, *arguments))
        if len(self._pending) > _AHEAD:
            self._pending.popleft().result()

    def __enter__(self) -> "_SerialExecutor":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            while self._pending:
                self._pending.popleft().result()
        except BaseException:
            if kind is None:  # an earlier error takes precedence
                raise
        finally:
            self._thread.shutdown(cancel_futures=True)
