"""Reading frames from a video file or camera, and writing frames to a video file."""

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write

_USUAL_RATE = 25.0  # frames per second where the source reports no valid rate


class Video:
    """A video file or a camera, readable once.

    Attributes:
      name: the file name without its suffix, or for example "camera0".
      is_live: whether the source is a camera, which has no end.
      frames_per_second: as reported by the source; 25 if the reported rate is invalid.
      num_frames: number of frames as reported by the file; None if unknown, and for a camera.
    """

    def __init__(self, source: str | os.PathLike | int):
        """Opens a video file, or a camera by its number.

        Raises:
          InputError: the file is missing, OpenCV cannot read it, or the camera is unavailable.
        """
        self.is_live = isinstance(source, int)
        self._source = f"camera {source}" if isinstance(source, int) else str(source)
        self.name = f"camera{source}" if isinstance(source, int) else pathlib.Path(source).stem
        if not isinstance(source, int) and not pathlib.Path(source).is_file():
            raise InputError(f"{source}: is not a file; name a video, or a camera by its number")
        with _quiet():
            self._capture = cv2.VideoCapture(source if self.is_live else str(source))
        if not self._capture.isOpened():
            raise InputError(
                f"{self._source}: cannot be opened; is it connected, and used by no other program?"
                if self.is_live
                else f"{self._source}: is no image and no video that can be read, or is cut off"
            )
        rate, count = (self._capture.get(x) for x in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT))
        self.frames_per_second = rate if 0 < rate < 1000 else _USUAL_RATE
        self.num_frames = int(count) if count > 0 and not self.is_live else None

    def frames(self) -> Iterator[np.ndarray]:
        """Yields the frames in order, uint8 [H, W, 3] RGB; endless for a camera.

        Raises:
          InputError: the video is truncated (raised after its last readable frame) or has no frames, or the
            camera is disconnected.
        """
        count, seconds = 0, 0.0
        with contextlib.closing(self):
            while True:
                whole, frame = self._capture.read()
                if not whole:
                    break
                count, seconds = count + 1, self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        if self.is_live:
            raise InputError(f"{self._source}: gives no more frames after {count}; is it still connected?")
        if not count:
            raise InputError(f"{self._source}: holds no frame that can be read")
        if self._breaks_off(count, seconds):
            raise InputError(
                f"{self._source}: breaks off after frame {count} of {self.num_frames}; repair it, or use the first "
                f"{count} frames alone"
            )

    def close(self) -> None:
        """Releases the file or the camera; may be called twice."""
        self._capture.release()

    def _breaks_off(self, count: int, seconds: float) -> bool:
        # For files that store only their duration, OpenCV estimates the number of frames. So the last frame's time
        # must be too early as well, by more than a rounding error.
        if self.num_frames is None:
            return False
        missing = self.num_frames / self.frames_per_second - seconds
        return count < self.num_frames and missing > 2 / self.frames_per_second


@contextlib.contextmanager
def video_writer(path: str | os.PathLike, frames_per_second: float) -> Iterator[Callable[[np.ndarray], None]]:
    """Yields a function that appends a frame uint8 [H, W, 3] RGB to the video `path` (MPEG-4 in an .mp4 file).

    All frames must have the size of the first. The format requires even sizes, so the last row or column of an
    odd size is dropped. The file is written atomically.

    Raises:
      InputError: the file cannot be written, or no frame was added.
    """
    writers: list[cv2.VideoWriter] = []

    def add(frame: np.ndarray) -> None:
        if not writers:
            writers.append(_writer(temporary, frames_per_second, frame.shape[:2]))
            if not writers[0].isOpened():
                raise InputError(f"{path}: cannot be written as a video")
        writers[0].write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))

    with atomic_write(path) as temporary:
        try:
            yield add
        finally:
            for writer in writers:
                writer.release()
        if not writers:
            raise InputError(f"{path}: no frame to write")


def _writer(path: pathlib.Path, frames_per_second: float, size: tuple[int, int]) -> cv2.VideoWriter:
    with _quiet():
        return cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), frames_per_second, size[::-1])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences OpenCV and FFmpeg on standard error; the caller reports errors in one line."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read when the first video is opened
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
