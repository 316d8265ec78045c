"""Small videos for tests, drawn and cut off."""

import pathlib
from collections.abc import Sequence
from fractions import Fraction

import av
import cv2
import numpy as np


def gray_frame(value: int) -> np.ndarray:
    """A frame uint8 [64, 96, 3] of one gray."""
    return np.full((64, 96, 3), value, np.uint8)


def write_video(path: pathlib.Path, frames: Sequence[np.ndarray]) -> None:
    """Writes BGR frames as JPEGs in a row, ten a second, in the container that the suffix says."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, frames[0].shape[1::-1])
    for frame in frames:
        writer.write(frame)
    writer.release()


def write_cut_video(path: pathlib.Path) -> None:
    """Writes a video of twelve frames and cuts off the last third of the file."""
    write_video(path, [gray_frame(20 * i) for i in range(12)])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def frames_of(path: pathlib.Path) -> list[np.ndarray]:
    """The BGR frames of a video."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return frames


def encode(
    path: pathlib.Path, starts: Sequence[int], *, rate: int = 25, sound: float = 0.0, degrees: int = 0,
    pixel_aspect: Fraction = Fraction(1), transfer: int | None = None, interlaced: bool = False, **options: str,
) -> None:  # fmt: skip
    """Writes an H.264 video whose frames start at `starts` (in 1/rate s), as `gray_frame(20)`, 40 and so on.

    Args:
      path: the file; its suffix says the container.
      starts: negative starts are cut off by an edit list in an MP4.
      rate: of the frames, and of the clock.
      sound: seconds of silence in a second track.
      degrees: by which players turn the frames.
      pixel_aspect: width by height of a pixel.
      transfer: FFmpeg's number of the transfer function; 16 is PQ, 18 is HLG, both with the colors of BT.2020.
      interlaced: whether each frame is coded as two fields.
      options: of the container.
    """
    coding = {"preset": "ultrafast"} | ({"flags": "+ilme+ildct", "x264-params": "tff=1"} if interlaced else {})
    with av.open(f"file:{path}", "w", options=options) as container:
        stream = container.add_stream("libx264", rate=rate, options=coding)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, rate)
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        if transfer:
            stream.codec_context.color_trc = transfer
            stream.codec_context.color_primaries = stream.codec_context.colorspace = 9  # BT.2020
        if degrees:
            stream.set_display_rotation(degrees)
        if sound:
            track = container.add_stream("aac", rate=8000)
            silence = av.AudioFrame.from_ndarray(np.zeros((1, round(8000 * sound)), np.float32), "fltp", "mono")
            silence.sample_rate = 8000
            container.mux([*track.encode(silence), *track.encode(None)])
        for i, start in enumerate(starts):
            frame = av.VideoFrame.from_ndarray(gray_frame(20 * (i + 1)), format="rgb24")
            frame.pts, frame.time_base = start, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
