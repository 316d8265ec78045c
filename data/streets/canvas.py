"""The canvas: a color image and a label image, drawn together.

Both are drawn at SUPERSAMPLING times the scene's size, with hard edges. Downsampling averages the colors, for
smooth edges, and picks one of the labels, for crisp ones. Colors and labels stay aligned.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from data.streets.camera import Camera

SUPERSAMPLING = 2
SHIFT = 4  # OpenCV takes corners in sixteenths of a pixel
_MANY = 8  # number of points from which NumPy projects faster than a loop

Color = Sequence[float]
Point = tuple[float, float, float]


def fixed_point(corners: np.ndarray) -> np.ndarray:
    """Converts pixels float [..., 2] to OpenCV's fixed-point coordinates with `SHIFT`, int32 of the same shape."""
    return (corners * (1 << SHIFT) - (1 << SHIFT >> 1)).astype(np.int32)


class Canvas:
    """`color` uint8 [h, w, 3] RGB and `ids` uint16 [h, w]: label id, or label id x 1000 + instance."""

    def __init__(self, camera: Camera):
        self.camera = camera
        self.color = np.zeros((camera.height, camera.width, 3), np.uint8)
        self.ids = np.zeros((camera.height, camera.width), np.uint16)

    def polygon(self, points: Sequence[Point], color: Color | None, identity: int | None = None) -> None:
        """Fills one polygon through street points (s, y, z). Without `identity` the labels stay the same."""
        if len(points) < _MANY:
            pixel = self.camera.pixel
            self.fill([pixel(*point) for point in points], color, identity)
        else:
            self.fill_fixed(fixed_point(self.camera.pixels(np.array(points))), color, identity)

    def fill(self, corners: Sequence[tuple[float, float]], color: Color | None, identity: int | None = None) -> None:
        """Fills one polygon through pixels (column, row)."""
        fixed = [(int(u * 16.0 - 8.0), int(v * 16.0 - 8.0)) for u, v in corners]  # `fixed_point`, faster for a few
        self.fill_fixed(np.array(fixed, np.int32), color, identity)

    def fill_fixed(self, fixed: np.ndarray, color: Color | None, identity: int | None = None) -> None:
        """Fills one polygon, int32 [N, 2] as `fixed_point` gives it."""
        if color is not None:
            cv2.fillPoly(self.color, [fixed], color, cv2.LINE_8, SHIFT)
        if identity is not None:
            cv2.fillPoly(self.ids, [fixed], identity, cv2.LINE_8, SHIFT)

    def polygons(self, points: np.ndarray, color: Color | None, identity: int | None = None) -> None:
        """Fills polygons that do not overlap one another, street points float [K, N, 3], in one color."""
        if len(points):
            fixed = fixed_point(self.camera.pixels(points))
            if color is not None:
                cv2.fillPoly(self.color, fixed, color, cv2.LINE_8, SHIFT)
            if identity is not None:
                cv2.fillPoly(self.ids, fixed, identity, cv2.LINE_8, SHIFT)

    def line(self, points: Sequence[Point], color: Color, thickness: float) -> None:
        """Draws a line through street points; it has no label of its own."""
        pixels = np.array([self.camera.pixel(*point) for point in points])
        cv2.polylines(self.color, [fixed_point(pixels)], False, color, max(1, round(thickness)), cv2.LINE_AA, SHIFT)

    def image(self, image: np.ndarray, corners: Sequence[Point], identity: int) -> None:
        """Draws an image uint8 [h, w, 3] on a flat quadrilateral; the corners run from the lower left over
        the lower right to the upper left."""
        pixels = [self.camera.pixel(*corner) for corner in corners]
        columns, rows = [pixel[0] for pixel in pixels], [pixel[1] for pixel in pixels]
        x0, x1 = max(int(min(columns)), 0), min(int(max(columns)) + 1, self.camera.width)
        y0, y1 = max(int(min(rows)), 0), min(int(max(rows)) + 1, self.camera.height)
        if x1 <= x0 or y1 <= y0:
            return
        right, bottom = image.shape[1] - 0.5, image.shape[0] - 0.5
        source = np.array(((-0.5, bottom), (right, bottom), (right, -0.5), (-0.5, -0.5)), np.float32)
        target = np.array([(u - x0 - 0.5, v - y0 - 0.5) for u, v in pixels], np.float32)
        transform, size = cv2.getPerspectiveTransform(source, target), (x1 - x0, y1 - y0)
        seen = cv2.warpPerspective(image, transform, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        fixed = fixed_point(np.array(pixels, np.float32))
        inside = np.zeros(size[::-1], np.uint8)
        cv2.fillPoly(inside, [fixed - np.array((x0 << SHIFT, y0 << SHIFT), np.int32)], 255, cv2.LINE_8, SHIFT)
        cv2.copyTo(seen, inside, self.color[y0:y1, x0:x1])
        cv2.fillPoly(self.ids, [fixed], identity, cv2.LINE_8, SHIFT)

    def stamp(
        self,
        stamps: Sequence[np.ndarray],
        box: tuple[float, float, float, float],
        tint: np.ndarray,
        identity: int,
    ) -> None:
        """Draws a stamp uint8 [n, n, 3] into the box (left, top, right, bottom), in pixels.

        `stamps` holds one stamp in successively halved sizes. The third channel is above 127 where the stamp is
        opaque. `tint` float [3, 4] maps the three channels to RGB; its last column is an offset. A box with
        right < left mirrors the stamp.
        """
        left, top, right, bottom = box
        x0, x1 = max(0, int(min(left, right))), min(self.camera.width, int(max(left, right)) + 1)
        y0, y1 = max(0, int(top)), min(self.camera.height, int(bottom) + 1)
        if x1 <= x0 or y1 <= y0 or abs(right - left) < 1 or bottom - top < 1:
            return
        enough = max(abs(right - left), bottom - top)
        stamp = next((stamp for stamp in reversed(stamps) if stamp.shape[0] >= enough), stamps[0])
        columns, rows = stamp.shape[1] / (right - left), stamp.shape[0] / (bottom - top)
        inverse = np.array(((columns, 0, (x0 - left) * columns), (0, rows, (y0 - top) * rows)))
        cut = cv2.warpAffine(stamp, inverse, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        solid = cv2.compare(cv2.extractChannel(cut, 2), 127, cv2.CMP_GT)
        cv2.copyTo(cv2.transform(cut, tint), solid, self.color[y0:y1, x0:x1])
        cv2.copyTo(np.full(solid.shape, identity, np.uint16), solid, self.ids[y0:y1, x0:x1])
