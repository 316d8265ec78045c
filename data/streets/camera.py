"""The camera: projection from street coordinates to the image.

Street coordinates (meters): `s` across the street, 0 on its middle line, positive to the right; `y` up
from the road; `z` along the street, 0 at the camera. World coordinates: the street bent into its curve,
with the origin on the ground below the camera.
"""

import dataclasses
import math
import random

import numpy as np

NEAREST = 0.4  # meters; points nearer to the camera's plane are pushed out to here


@dataclasses.dataclass
class Camera:
    """A pinhole camera above the road of a street that may bend. Lengths in meters, pixels of the canvas."""

    width: int
    height: int
    focal: float
    center: float  # column of the optical axis
    horizon: float  # row of the horizon
    eye_height: float
    eye_s: float
    yaw: float  # radians, positive to the right
    bend: float  # half the street's curvature, 1/m: x = s + bend * z * z

    def __post_init__(self):
        self._cosine, self._sine = math.cos(self.yaw), math.sin(self.yaw)

    def pixel(self, s: float, y: float, z: float) -> tuple[float, float]:
        """Column and row on the canvas of one street point."""
        x = s - self.eye_s + self.bend * z * z
        scale = self.focal / max(self._sine * x + self._cosine * z, NEAREST)
        return (
            self.center + (self._cosine * x - self._sine * z) * scale,
            self.horizon + (self.eye_height - y) * scale,
        )

    def world(self, s: float, z: float) -> tuple[float, float, float]:
        """World coordinates of a street point on the ground."""
        return s - self.eye_s + self.bend * z * z, 0.0, z

    def world_pixels(self, world: np.ndarray) -> np.ndarray:
        """Columns and rows float32 [..., 2] of world coordinates float32 [..., 3]."""
        x, y, z = world[..., 0], world[..., 1], world[..., 2]
        scale = self.focal / np.maximum(self._sine * x + self._cosine * z, NEAREST)
        pixels = np.empty(world.shape[:-1] + (2,), np.float32)
        pixels[..., 0] = self.center + (self._cosine * x - self._sine * z) * scale
        pixels[..., 1] = self.horizon + (self.eye_height - y) * scale
        return pixels

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Columns and rows float32 [..., 2] of street coordinates float [..., 3]."""
        world = np.array(points, np.float32)
        world[..., 0] += self.bend * world[..., 2] ** 2 - self.eye_s
        return self.world_pixels(world)

    def scale(self, z: float) -> float:
        """Canvas pixels that a meter covers at the distance `z`."""
        return self.focal / max(z, NEAREST)

    def heading(self, z: float) -> float:
        """The direction of the street at `z`, in radians to the right of its direction at the camera."""
        return math.atan(2 * self.bend * z)

    def ground(self, columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Street coordinates (s, z) of the ground seen at these pixels; the rows lie below the horizon."""
        depth = self.focal * self.eye_height / (rows - self.horizon)
        across = (columns - self.center) * (depth / self.focal)
        z = self._cosine * depth - self._sine * across
        s = self._cosine * across + self._sine * depth + self.eye_s - self.bend * z**2
        return s, z


def sample_camera(rng: random.Random, width: int, height: int, eye_s: float, bend: float) -> Camera:
    """A camera behind a car's windscreen, looking ahead, for a canvas of width x height pixels.

    An image of 3:2 or wider has a fixed range of horizontal fields of view; a narrower one is cropped at both sides.
    """
    reference = max(width, 1.5 * height)
    return Camera(
        width=width,
        height=height,
        focal=reference * rng.uniform(0.72, 1.0),
        center=width * rng.uniform(0.47, 0.53),
        horizon=height * rng.uniform(0.40, 0.49),
        eye_height=rng.uniform(1.25, 1.7),
        eye_s=eye_s,
        yaw=rng.gauss(0.0, 0.025) + 14 * bend,
        bend=bend,
    )
