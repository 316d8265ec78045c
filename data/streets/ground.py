"""The light on the ground: shadows, texture in street coordinates, and haze."""

import dataclasses
import random
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from data.streets import texture
from data.streets.camera import Camera
from data.streets.canvas import SHIFT, SUPERSAMPLING, Canvas, fixed_point
from data.streets.identity import PARKING, RAIL_TRACK, ROAD, SIDEWALK, TERRAIN
from data.streets.light import Light
from data.streets.site import Item

START = 0.8  # meters; the ground nearer to the camera than this is never seen
_UNIT = 110.0  # the uint8 value of a factor of 1; factors up to 2.3 fit
_TRACK = 0.75  # meters from the middle of a lane to where wheels run
_JOINTS_UP_TO = 22.0  # meters; farther away, slabs are smaller than a pixel


class ShadowMap:
    """How much of the sun and of the sky reaches the ground, at the size of the scene: 255 all, 0 nothing."""

    def __init__(self, camera: Camera, light: Light):
        self._camera, self._light = camera, light
        shape = (camera.height // SUPERSAMPLING, camera.width // SUPERSAMPLING)
        self.sun = np.full(shape, 255, np.uint8)
        self.sky = np.full(shape, 255, np.uint8)

    def add(self, items: Iterable[Item]) -> None:
        """Darkens the ground in the shadow of these items and under them."""
        drop_s, drop_z = self._light.shadow_shift()
        hulls, values, bases = [], [], []
        for item in items:
            value = round(255 * (1 - item.density))
            hulls += [[(s + y * drop_s, z + y * drop_z) for s, y, z in hull] for hull in item.shades]
            values += [value] * len(item.shades)
            if item.base:
                bases.append(item.base)
        self._fill(self.sun, hulls, values)
        self._fill(self.sky, bases, [115] * len(bases))

    def _fill(self, target: np.ndarray, outlines: list[Sequence[tuple[float, float]]], values: list[int]) -> None:
        """Fills the convex hulls of points (s, z) on the ground."""
        if not outlines:
            return
        flat = np.array([point for outline in outlines for point in outline], np.float32)
        points = np.zeros((len(flat), 3), np.float32)
        points[:, 0], points[:, 2] = flat[:, 0], np.maximum(flat[:, 1], START)
        fixed = fixed_point(self._camera.pixels(points) / SUPERSAMPLING)
        start = 0
        for outline, value in zip(outlines, values):
            hull = cv2.convexHull(fixed[start : start + len(outline)])
            cv2.fillConvexPoly(target, hull, value, cv2.LINE_AA, SHIFT)
            start += len(outline)

    def sunlit(self, feet: Sequence[tuple[float, float]]) -> np.ndarray:
        """How much of the sun reaches the ground at these points (s, z), float [N], 0 to 1."""
        points = np.zeros((len(feet), 3), np.float32)
        points[:, [0, 2]] = feet
        points[:, 2] = np.maximum(points[:, 2], START)
        pixels = (self._camera.pixels(points) / SUPERSAMPLING).astype(np.int32)
        rows = np.clip(pixels[:, 1], 0, self.sun.shape[0] - 1)
        columns = np.clip(pixels[:, 0], 0, self.sun.shape[1] - 1)
        return self.sun[rows, columns] / 255.0


@dataclasses.dataclass(frozen=True)
class Surface:
    """How rough the ground is, in meters."""

    slab: float  # side of a slab of the pavement
    lane_width: float
    lane_start: float  # s where a lane begins
    worn: float  # how much darker the wheel tracks are, as a part
    cobbles: bool


def finish_ground(canvas: Canvas, light: Light, shadows: ShadowMap, surface: Surface, rng: random.Random) -> None:
    """Applies texture, shadows, light and haze to everything below the horizon."""
    camera = canvas.camera
    height, width = shadows.sun.shape
    top = int(camera.horizon) // SUPERSAMPLING + 1
    if top >= height:
        return
    rows = (np.arange(top, height, dtype=np.float32) + 0.5)[:, None] * SUPERSAMPLING
    columns = (np.arange(width, dtype=np.float32) + 0.5)[None, :] * SUPERSAMPLING
    s, z = camera.ground(columns, np.maximum(rows, camera.horizon + 0.5))
    s, z = np.clip(s, -200, 200, out=s), np.clip(z, 0.5, 400, out=z)
    labels = np.ascontiguousarray(canvas.ids[top * SUPERSAMPLING + 1 :: SUPERSAMPLING, 1::SUPERSAMPLING])
    factor = _relief(s, z, labels, surface, rng)
    clear = np.exp(z[:, width // 2, None] * (-1 / light.haze_distance))
    factor *= clear
    sun = _softened(shadows.sun, height / 256)[top:]
    sky = _softened(shadows.sky, height / 64)[top:]
    sun_factor = cv2.multiply(factor, sun, scale=_UNIT * light.direction[1] / 255, dtype=cv2.CV_32F)
    sky_factor = cv2.multiply(factor, sky, scale=_UNIT / 255, dtype=cv2.CV_32F)
    channels = [
        cv2.addWeighted(sun_factor, light.sun[channel], sky_factor, light.sky[channel], 0, dtype=cv2.CV_8U)
        for channel in range(3)
    ]
    area = canvas.color[top * SUPERSAMPLING :]
    factors = cv2.resize(cv2.merge(channels), area.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    lit = cv2.multiply(area, factors, scale=1 / _UNIT)
    veil = ((1 - clear) * np.array(light.haze)).astype(np.uint8)[:, None]
    cv2.add(lit, cv2.resize(veil, area.shape[1::-1], interpolation=cv2.INTER_NEAREST), dst=area)


def _softened(shadows: np.ndarray, radius: float) -> np.ndarray:
    """Blurs the edges of shadows uint8 [H, W] by about `radius` pixels to each side."""
    side = 2 * round(radius) + 1
    return cv2.blur(shadows, (side, side))


def _relief(s: np.ndarray, z: np.ndarray, labels: np.ndarray, surface: Surface, rng: random.Random) -> np.ndarray:
    """The factor float32 [H, W] by which texture brightens and darkens the ground."""
    left, top = np.float32(rng.uniform(0, texture.SIZE)), np.float32(rng.uniform(0, texture.SIZE))
    middle = z[:, z.shape[1] // 2, None]
    coarse = texture.look_up(texture.fractal(1.1, 3), s * 22 + left, z * 11 + top)
    relief = texture.look_up(texture.fractal(0.45, 4), s * 56 + left, z * 30 + top, smooth=False)
    relief *= 0.02 + 0.075 * np.exp(middle / -14) + np.float32(0.09) * (labels == TERRAIN)
    relief += cv2.addWeighted(coarse, 0.06, coarse, 0.0, 1.0)
    first = int(np.argmax(middle < _JOINTS_UP_TO))
    close, s, z, labels = relief[first:], s[first:], z[first:], labels[first:]
    road = (labels == ROAD) | (labels == PARKING) | (labels == RAIL_TRACK)
    if surface.worn:
        lane = (s - surface.lane_start) * (1 / surface.lane_width)
        off_track = np.abs(np.abs(lane - np.floor(lane) - 0.5) * surface.lane_width - _TRACK)
        close -= (np.float32(surface.worn) * road) * np.maximum(1 - np.square(off_track * 2.2), 0)
    paved = labels == SIDEWALK
    if paved.any():
        close *= 1 - (np.float32(0.2) * paved) * _joints(s, z, surface.slab, 0.0)
    if surface.cobbles:
        close *= 1 - (np.float32(0.28) * road) * _joints(s, z, 0.22, 0.5)
    return relief


def _joints(s: np.ndarray, z: np.ndarray, slab: float, stagger: float) -> np.ndarray:
    """1 on the joints between square slabs, 0 elsewhere, fading out where a slab is smaller than a pixel."""
    along = z * (1 / slab)
    across = s * (1 / slab)
    if stagger:
        across += stagger * np.floor(along)
    step_s = np.abs(s[:, -1:] - s[:, :1]) / max(s.shape[1] - 1, 1) + 1e-3
    middle = z[:, z.shape[1] // 2]
    step_z = (np.abs(np.gradient(middle)) if len(middle) > 1 else middle)[:, None] + 1e-3
    joint_s = (np.abs(across - np.floor(across) - 0.5) > 0.44) * np.clip(0.35 * slab / step_s - 0.35, 0, 1)
    joint_z = (np.abs(along - np.floor(along) - 0.5) > 0.44) * np.clip(0.35 * slab / step_z - 0.35, 0, 1)
    return np.maximum(joint_s, joint_z)
