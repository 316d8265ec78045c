"""Writing frames to a video file, by FFmpeg (PyAV)."""

import contextlib
import logging
import os
import pathlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from contextnet_tf.datasets.colors import Color
from contextnet_tf.datasets.video import pyav
from contextnet_tf.datasets.yuv import YUVFrames
from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write

# The first encoder that FFmpeg has is used. Browsers play H.264. x264's fastest preset takes a sixth of the time of
# `veryfast`, for files half as large again: encoding must not slow down the network. A constant quantizer saves a
# quarter of that time, since x264 does not estimate each frame beforehand; size and quality of the video that was
# measured were those of `crf=23` (docs/results/runtimes.md).
_ENCODERS: tuple[tuple[str, dict[str, str]], ...] = (
    ("libx264", {"preset": "ultrafast", "qp": "23"}),
    ("libopenh264", {}),
    ("mpeg4", {"qscale": "3"}),
)
_MPEG4_CLOCK = 65535  # MPEG-4 part 2 counts time in at most so many parts of a second
_USUAL_CLOCK = 90_000  # ticks per second, of which the frame rate gets a multiple
_LONGEST = 2**31 - 2  # ticks from frame to frame in an MP4; FFmpeg writes wrong times after a longer gap, or raises

_logger = logging.getLogger(__name__)


class AddFrame(Protocol):
    """Appends a frame uint8 [H, W, 3] RGB, with its start and duration in seconds, and the aspect of its pixels.

    With `labels`, train ids uint8 [H, W], class colors are blended over the frame.
    """

    def __call__(
        self,
        image: np.ndarray,
        start: Fraction | None = None,
        duration: Fraction | None = None,
        pixel_aspect: Fraction = Fraction(1),
        labels: np.ndarray | None = None,
    ) -> None: ...


@contextlib.contextmanager
def video_writer(
    path: str | os.PathLike, frames_per_second: float | Fraction, colors: Sequence[Color] | np.ndarray = ()
) -> Iterator[AddFrame]:
    """Yields a function that appends a frame to the video `path` (.mp4: H.264, or MPEG-4 where FFmpeg has no H.264).

    Without `start`, a frame follows the one before at `frames_per_second`. Starts must increase. Gaps longer than
    the format allows, usually 6.6 hours, are shortened, with a warning. A frame of another size than the first is
    resized, and all have its `pixel_aspect` (see `video.Video`). The format requires even sizes, so the last row or
    column of an odd size is dropped. `colors` are those of the train ids in `labels`. The file is written atomically.

    Raises:
      InputError: the file cannot be written, or no frame was added; or PyAV is not installed.
    """
    rate = Fraction(frames_per_second).limit_denominator(1001)
    pyav()
    with atomic_write(path) as temporary:
        writer = _Writer(temporary, rate, path, colors)
        try:
            yield writer.add
        except BaseException:
            writer.abandon()
            raise
        if not writer.is_open:
            raise InputError(f"{path}: no frame to write")
        writer.finish()


class _Writer:
    """The file, opened when the first frame gives its size."""

    def __init__(
        self, path: pathlib.Path, rate: Fraction, name: str | os.PathLike, colors: Sequence[Color] | np.ndarray
    ):
        self._path, self._rate, self._name, self._colors = path, rate, name, colors
        self._container: Any = None
        self._durations: dict[int, int] = {}
        self._last = 0  # the start of the newest frame
        self._left_out = 0  # the ticks of shortened gaps

    @property
    def is_open(self) -> bool:
        """Whether a frame was added."""
        return self._container is not None

    def add(
        self,
        image: np.ndarray,
        start: Fraction | None = None,
        duration: Fraction | None = None,
        pixel_aspect: Fraction = Fraction(1),
        labels: np.ndarray | None = None,
    ) -> None:
        """See `AddFrame`."""
        if not self.is_open:
            self._open(image.shape[0] // 2 * 2, image.shape[1] // 2 * 2, pixel_aspect)
        follows = self._last + self._usual
        self._last = follows if start is None else max(self._shortened(round(start * self._clock)), self._last + 1)
        lasts = self._usual if duration is None else max(round(duration * self._clock), 1)
        self._durations[self._last] = min(lasts, _LONGEST)
        frame = self._frames.frame(image, labels)
        frame.pts, frame.time_base = self._last, 1 / self._clock
        self._mux(frame)

    def finish(self) -> None:
        """Writes the frames that the encoder holds back, and the index."""
        self._mux(None)
        self._container.close()

    def abandon(self) -> None:
        """Closes the unfinished file."""
        if self.is_open:
            with contextlib.suppress(Exception):
                self._container.close()

    def _open(self, height: int, width: int, pixel_aspect: Fraction) -> None:
        av = pyav()
        if not height or not width:
            raise InputError(f"{self._name}: a video needs frames of at least 2 x 2 pixels")
        name, options = next(x for x in _ENCODERS if x[0] in av.codecs_available)
        self._frames = YUVFrames(height, width, self._colors)
        self._clock = _clock(self._rate, _MPEG4_CLOCK if name == "mpeg4" else None)
        self._usual = max(1, round(self._clock / self._rate))
        self._last = -self._usual
        # With the protocol "file:", a colon in the name does not start another. The index comes first, so that browsers
        # start at once.
        self._container = av.open(f"file:{self._path}", "w", format="mp4", options={"movflags": "faststart"})
        self._stream = self._container.add_stream(name, rate=self._rate, options=options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._stream.time_base = self._stream.codec_context.time_base = 1 / self._clock
        self._stream.codec_context.sample_aspect_ratio = pixel_aspect
        # As `YUVFrames` converts: players would guess by the size of the frame.
        self._stream.codec_context.colorspace = av.video.reformatter.Colorspace.ITU601
        self._stream.codec_context.color_range = av.video.reformatter.ColorRange.MPEG
        try:
            self._stream.codec_context.open()
        except av.FFmpegError:
            raise InputError(
                f"{self._name}: the encoder {name} cannot write frames of {width} x {height} pixels; reduce the video "
                "first, for example: ffmpeg -i VIDEO -vf scale=1920:-2 SMALLER.mp4"
            ) from None

    def _shortened(self, start: int) -> int:
        """The start of the next frame, in ticks: earlier if the gap before it is too long."""
        start -= self._left_out
        excess = start - self._last - _LONGEST
        if excess <= 0:
            return start
        if not self._left_out:
            hours = float(_LONGEST / self._clock / 3600)
            _logger.warning("%s: gaps of more than %.1f hours, the longest of an MP4, are shortened", self._name, hours)
        self._left_out += excess
        return start - excess

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            # The last frame has no next one to end it.
            packet.duration = self._durations.pop(packet.pts, self._usual)
            self._container.mux(packet)


def _clock(rate: Fraction, largest: int | None) -> Fraction:
    """Ticks per second: a multiple of the rate's numerator, so that frames at that rate start on ticks."""
    if largest is None:
        return Fraction(rate.numerator * -(-_USUAL_CLOCK // rate.numerator))
    return Fraction(largest // rate.numerator * rate.numerator or largest)
