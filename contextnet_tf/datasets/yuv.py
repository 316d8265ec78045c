"""Frames in YUV 4:2:0, in which videos are encoded, with class colors over them."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from contextnet_tf.datasets.colors import OPACITY, Color, color_table
from contextnet_tf.datasets.video import pyav
from contextnet_tf.datasets.video_frame import rows_of


class YUVFrames:
    """Makes PyAV's frames of images: yuv420p, BT.601, luma from 16 to 235. Used by one thread at a time.

    Class colors are blended in YUV, which has half as many values as RGB.
    """

    def __init__(self, height: int, width: int, colors: Sequence[Color] | np.ndarray = ()):
        """Height and width of the frames are even; `colors` are those of the train ids."""
        self._height, self._width = height, width
        self._num_colors = len(colors)
        # A row of 2 x 2 pixels of each color, since they share one U and one V.
        pixels = color_table(colors)[None].repeat(2, axis=0).repeat(2, axis=1)
        y, _, uv = cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420)
        self._colors = y[::2].copy(), uv[:256], uv[256:]
        self._converted = np.empty((height // 2 * 3, width), np.uint8)  # kept, since fresh memory costs time

    def frame(self, image: np.ndarray, labels: np.ndarray | None = None) -> Any:
        """The frame of an image uint8 [H, W, 3] RGB, with the colors of train ids uint8 [H, W] over it, if given.

        As by `colors.overlay`, ids without a color keep the image's. An image of another size is resized; the last
        row or column of an odd size is dropped.
        """
        frame = pyav().VideoFrame(self._width, self._height, "yuv420p")
        planes = [rows_of(plane)[:, : plane.width] for plane in frame.planes]
        sources = self._yuv(self._fitted(image, cv2.INTER_AREA))
        if labels is None:
            for plane, source in zip(planes, sources, strict=True):
                plane[:] = source
            return frame
        labels = self._fitted(labels, cv2.INTER_NEAREST)
        # OpenCV takes U and V of the upper left of four pixels.
        upper_left = np.ascontiguousarray(labels[::2, ::2])
        ids = labels, upper_left, upper_left
        for plane, source, train_ids, colors in zip(planes, sources, ids, self._colors, strict=True):
            cv2.LUT(train_ids, colors, dst=plane)
            cv2.addWeighted(source, 1 - OPACITY, plane, OPACITY, 0, dst=plane)
            if train_ids.max() >= self._num_colors:
                np.copyto(plane, source, where=train_ids >= self._num_colors)
        return frame

    def _fitted(self, image: np.ndarray, interpolation: int) -> np.ndarray:
        height, width = self._height, self._width
        if image.shape[0] // 2 * 2 != height or image.shape[1] // 2 * 2 != width:
            image = cv2.resize(image, (width, height), interpolation=interpolation)
        return image[:height, :width]

    def _yuv(self, image: np.ndarray) -> list[np.ndarray]:
        """The planes Y, U and V of an RGB image; the next call overwrites them."""
        cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420, dst=self._converted)
        height, width = self._height, self._width
        y, uv = self._converted[:height], self._converted[height:]
        return [y, *uv.reshape(2, height // 2, width // 2)]
