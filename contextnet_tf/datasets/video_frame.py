"""A decoded frame of PyAV as players show it: colors, orientation and pixel aspect ratio."""

import pathlib
import shlex
from fractions import Fraction
from typing import Any, NamedTuple

import cv2
import numpy as np

_WIDEST_PIXEL = Fraction(16)  # times its height
_HDR = {16: "PQ", 18: "HLG"}  # by FFmpeg's number of the transfer function
_TONE_MAPPING = (
    "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable,zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
)


class Placing(NamedTuple):
    """How a stored frame is shown: transposed, then mirrored left to right, then flipped upside down."""

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    def of(self, image: np.ndarray) -> np.ndarray:
        """The frame as players show it."""
        image = cv2.transpose(image) if self.transposed else image
        if self.mirrored or self.flipped:
            image = cv2.flip(image, -1 if self.mirrored and self.flipped else int(self.mirrored))
        return image


def placing_of(frame: Any) -> Placing:
    """The placing of a frame: phones store videos in landscape format, and some mirror those of the front camera."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Placing()
    # (x, y) is shown at (a x + c y, b x + d y), up to a shift.
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    if abs(b) + abs(c) < abs(a) + abs(d):
        return Placing(False, a < 0, d < 0)
    return Placing(True, c < 0, b < 0)


def rows_of(plane: Any) -> np.ndarray:
    """The memory of a frame's plane, uint8 [H, bytes of a row]; a row may end with padding."""
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)


def rgb_of(frame: Any, reformatter: Any) -> np.ndarray:
    """The frame as it is stored, uint8 [H, W, 3] RGB, by a `VideoReformatter`, which is best kept for all frames."""
    plane = reformatter.reformat(frame, format="rgb24", threads=1).planes[0]
    # The plane's memory is the array's, where rows have no padding.
    return np.ascontiguousarray(rows_of(plane)[:, : 3 * plane.width]).reshape(plane.height, plane.width, 3)


def pixel_aspect_of(stream: Any, placing: Placing) -> Fraction:
    """Width by height of a pixel of the upright frames; 1 if the file gives none, or an implausible one."""
    aspect = stream.sample_aspect_ratio
    if not aspect or not 1 / _WIDEST_PIXEL <= aspect <= _WIDEST_PIXEL:
        return Fraction(1)
    return 1 / aspect if placing.transposed else aspect


def warnings_of(path: pathlib.Path, frame: Any) -> list[str]:
    """What makes labels of the video `path` worse, by one of its frames, each with the command that converts the video.

    No tone mapping here: FFmpeg's library does it at 2 frames per second of 1920 x 1080.
    """
    found = []
    if frame.color_trc in _HDR:
        what = f"an HDR video ({_HDR[frame.color_trc]}), which is read without tone mapping; its colors are wrong"
        found.append((what, _TONE_MAPPING, "sdr"))
    if frame.interlaced_frame:
        what = "interlaced; each frame shows two moments in alternate rows, so what moves is torn"
        found.append((what, "bwdif=mode=send_frame", "progressive"))
    return [
        f"{path}: is {what}, and labels may be wrong. Convert it first: ffmpeg -i {shlex.quote(f'file:{path}')} -vf "
        f"{filters} {shlex.quote(f'file:{path.with_name(path.stem)}_{name}.mp4')}"
        for what, filters, name in found
    ]
