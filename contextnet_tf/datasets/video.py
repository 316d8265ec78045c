"""Reading frames from a video file, by FFmpeg (PyAV), or from a camera, by OpenCV."""

import contextlib
import logging
import pathlib
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import cv2
import numpy as np

from contextnet_tf.datasets.gif import is_whole_gif
from contextnet_tf.datasets.sources.example import example_name
from contextnet_tf.datasets.video_clock import Clock
from contextnet_tf.datasets.video_frame import pixel_aspect_of, placing_of, rgb_of, warnings_of
from contextnet_tf.errors import InputError, needed_by, reason_of

_logger = logging.getLogger(__name__)
_USUAL_RATE = Fraction(25)  # frames per second where the source reports no valid rate
_HIGHEST_CAMERA = 99  # OpenCV takes the hundreds of a number for a driver
_READ_AS_IMAGES = "PNG, JPEG, BMP, TIFF, WebP and PNM"
_IMAGES = ("image2", "ico")  # FFmpeg's names of readers of still images; others end with "_pipe", such as "pcx_pipe"
# The bits of FFmpeg's flags that PyAV does not name.
_ATTACHED_PIC = 0x400  # AV_DISPOSITION_ATTACHED_PIC
_CLOCK_JUMPS = 0x200  # AVFMT_TS_DISCONT


class Frame(NamedTuple):
    """A frame uint8 [H, W, 3] RGB; its start, from 0 for the first frame, and its duration, both in seconds."""

    image: np.ndarray
    start: Fraction
    duration: Fraction


def pyav() -> Any:
    """The module `av`, imported on first use.

    Raises:
      NotInstalledError: PyAV is not installed.
    """
    with needed_by("reading and writing videos", "device"):
        import av
    return av


class Video:
    """A video file, readable once.

    Attributes:
      name: the file name without its suffix; a very long one is shortened.
      is_live: False, see `Camera`.
      frames_per_second: the nominal rate; 25 if the file reports no valid rate. Frames have their own times.
      num_frames: number of frames as reported by the file, or by its duration and rate; None if unknown.
      pixel_aspect: width by height of a pixel as players show the upright frames, once the first was read.
    """

    is_live = False
    pixel_aspect = Fraction(1)

    def __init__(self, path: str | pathlib.Path):
        """Opens a video file.

        Raises:
          InputError: the file is missing, is an image, or FFmpeg finds no video in it; or PyAV is not installed.
        """
        self._path = pathlib.Path(path)
        self.name = example_name(self._path.stem)
        if not self._path.is_file():
            raise InputError(f"{path}: is not a file; give a video or the number of a camera")
        self._av = pyav()
        try:
            # With the protocol "file:", a colon in the name does not start another. The list keeps playlists from
            # opening URLs.
            self._container = self._av.open(f"file:{path}", options={"protocol_whitelist": "file"})
        except (self._av.FFmpegError, UnicodeError) as error:
            raise InputError(
                f"{path}: is neither an image nor a video that can be read, or is truncated ({_reason(error)})"
            ) from None
        streams = [x for x in self._container.streams.video if not x.disposition & _ATTACHED_PIC]
        best = self._container.streams.best("video")
        if not streams or best is None or best.codec_context is None:
            self._container.close()
            raise InputError(f"{path}: is neither an image nor a video that can be read, or is truncated")
        if self._container.format.name in _IMAGES or self._container.format.name.endswith("_pipe"):
            self._container.close()
            raise InputError(f"{path}: is an image, not a video; images are read in the formats {_READ_AS_IMAGES}")
        self._stream = best if best in streams else streams[0]
        # Several threads would lose the frames before a damaged one, and cost more processor time.
        self._stream.thread_count = 1
        self._to_rgb = self._av.video.reformatter.VideoReformatter()
        rate = self._stream.guessed_rate
        self.frames_per_second = rate if rate and 0 < rate <= 1000 else _USUAL_RATE
        self.num_frames = self._reported_frames()

    def frames(self) -> Iterator[np.ndarray]:
        """The images of `timed_frames`."""
        return (frame.image for frame in self.timed_frames())

    def timed_frames(self) -> Iterator[Frame]:
        """Yields the frames in order; warns of HDR and interlaced videos.

        Raises:
          InputError: the video is truncated or damaged (raised after its last readable frame), or has no frames.
        """
        clock = Clock(1 / self.frames_per_second, bool(self._container.format.flags & _CLOCK_JUMPS))
        reader = _Reader(self._av, self._container, self._stream)
        count = 0
        with contextlib.closing(self):
            for frame in reader.decoded():
                start, duration = clock.times(frame)
                for warning in () if count else warnings_of(self._path, frame):
                    _logger.warning("%s", warning)
                count += 1
                yield Frame(self._upright(frame), start, duration)
            declared = self._declared_end()
        if not count:
            raise InputError(f"{self._path}: holds no frame that can be read")
        is_short = declared is not None and clock.last_end < declared
        if self._container.format.name == "gif":
            is_short = not is_whole_gif(self._path.read_bytes())
        if reader.ends_early or is_short:
            of = f" of {self.num_frames}" if self.num_frames and self.num_frames > count else ""
            raise InputError(
                f"{self._path}: ends early, after frame {count}{of}; repair it, or use only the first {count} frames"
            )
        if reader.damaged:
            raise InputError(
                f"{self._path}: is damaged in {reader.damaged} place(s); frames may be missing or smeared there"
            )

    def _upright(self, frame: Any) -> np.ndarray:
        """The frame uint8 [H, W, 3] RGB, turned as the file says."""
        placing = placing_of(frame)
        self.pixel_aspect = pixel_aspect_of(self._stream, placing)
        try:
            return placing.of(rgb_of(frame, self._to_rgb))
        except self._av.FFmpegError as error:
            raise InputError(
                f"{self._path}: FFmpeg cannot convert its frames ({frame.width} x {frame.height}, {frame.format.name}) "
                f"to RGB ({_reason(error)}); convert the video to H.264 in BT.709"
            ) from None

    def close(self) -> None:
        """Closes the file; may be called twice."""
        self._container.close()

    def _reported_frames(self) -> int | None:
        # A trimmed MP4 counts hidden frames, an AVI empty packets; the duration may be that of the sound.
        stream, container = self._stream, self._container
        reported = [stream.frames] if stream.frames else []
        if stream.duration:
            reported.append(round(stream.duration * stream.time_base * self.frames_per_second))
        elif container.duration:
            # In Matroska the duration is the time of the end.
            duration = container.duration - ("matroska" in container.format.name) * (container.start_time or 0)
            reported.append(round(Fraction(duration, self._av.time_base) * self.frames_per_second))
        return min(reported, default=None)

    def _declared_end(self) -> Fraction | None:
        """The earliest end of the last frame, in seconds on the file's own clock; None if the file does not state it.

        The duration of the file does not tell: other tracks may be longer.
        """
        stream, name = self._stream, self._container.format.name
        frame = 1 / self.frames_per_second
        if "DURATION" in stream.metadata:  # Matroska
            end = _seconds(stream.metadata["DURATION"])
            return None if end is None else end - frame / 2
        if name.startswith("mov") and stream.duration:
            return (stream.duration + (stream.start_time or 0)) * stream.time_base - frame / 2
        if name == "avi" and stream.frames and stream.average_rate:  # its clock lags by the encoder's delay
            return stream.frames / stream.average_rate - 4 * frame
        return None


class _Reader:
    """Decodes a stream, and counts what is damaged.

    Attributes:
      damaged: number of damaged packets before the last packet that can be decoded.
      ends_early: whether the file ends within a packet.
    """

    def __init__(self, av: Any, container: Any, stream: Any):
        self._av, self._container, self._stream = av, container, stream
        self.damaged, self.ends_early = 0, False

    def decoded(self) -> Iterator[Any]:
        """The frames of FFmpeg, in the order in which they are shown."""
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    self.ends_early = packet.is_corrupt
                    self.damaged += packet.is_corrupt
                yield from self._decoded(packet)
        except self._av.FFmpegError:  # the file cannot be read on, for example on a damaged disk
            self.ends_early = True
        self.damaged -= self.ends_early

    def _decoded(self, packet: Any) -> list[Any]:
        try:
            return packet.decode()
        except self._av.FFmpegError:
            self.damaged += not packet.is_corrupt
            return []


class Camera:
    """A camera.

    Attributes:
      name: for example "camera0".
      is_live: True: the source has no end.
      frames_per_second: as reported by the camera; 25 if the reported rate is invalid.
      num_frames: None.
      pixel_aspect: 1.
    """

    is_live = True
    num_frames = None
    pixel_aspect = Fraction(1)

    def __init__(self, number: int):
        """Opens a camera by its number.

        Raises:
          InputError: the camera is unavailable.
        """
        self.name, self._source = f"camera{number}", f"camera {number}"
        with _quiet():
            self._capture = cv2.VideoCapture(number) if 0 <= number <= _HIGHEST_CAMERA else cv2.VideoCapture()
        if not self._capture.isOpened():
            raise InputError(f"{self._source}: cannot be opened; is it connected, and not in use by another program?")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.frames_per_second = Fraction(rate).limit_denominator(1001) if 0 < rate <= 1000 else _USUAL_RATE

    def timed_frames(self) -> Iterator[Frame]:
        """Yields frames as they arrive, each with the time at which it was read. Endless.

        Raises:
          InputError: the camera is disconnected.
        """
        count, first = 0, 0
        with contextlib.closing(self):
            while True:
                whole, frame = self._capture.read()
                if not whole:
                    break
                now = time.monotonic_ns()
                first = first or now
                count += 1
                yield Frame(
                    cv2.cvtColor(frame, cv2.COLOR_BGR2RGB),
                    Fraction(now - first, 1_000_000_000),
                    1 / self.frames_per_second,
                )
        raise InputError(f"{self._source}: stopped after {count} frames; is it still connected?")

    def close(self) -> None:
        """Releases the camera; may be called twice."""
        self._capture.release()


def _seconds(clock: str) -> Fraction | None:
    """ "00:01:42.000000000" in seconds; None for anything else."""
    try:
        hours, minutes, seconds = map(Fraction, clock.strip("\0 ").split(":"))
    except ValueError:
        return None
    return 3600 * hours + 60 * minutes + seconds


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or reason_of(error)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences OpenCV on standard error; the caller reports errors in one line."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
