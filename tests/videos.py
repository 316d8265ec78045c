"""Small videos for tests, drawn and cut off."""

import pathlib
from collections.abc import Sequence

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
