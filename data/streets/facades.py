"""Drawing of building fronts, with light and perspective."""

import dataclasses
import math
import random

import cv2
import numpy as np

from data.streets.canvas import Canvas, Point
from data.streets.fronts import MATERIALS, Material, lay_out_front
from data.streets.identity import BUILDING
from data.streets.light import RGB, Light, Vector
from data.streets.styles import FrontStyle

_FINEST = 0.05  # maximum pixels per meter of a front, per pixel of canvas height
_COARSE = 9.0  # canvas pixels of a bay; narrower bays show only windows
_GLASS = (50, 60, 70)
_GLASSES = ((Material.GLASS_DARK, 0.10), (Material.GLASS_SKY, 0.34), (Material.GLASS_BRIGHT, 0.55))
_LIT = (
    (Material.LIT, (255, 214, 140)),
    (Material.LIT_DIM, (226, 176, 108)),
    (Material.SHOP, (250, 220, 168)),
)
_CURTAIN, _INK = (176, 172, 160), (238, 234, 226)
_SHOP_INSIDES = ((96, 84, 70), (62, 66, 72), (120, 112, 100))
_DOORS = ((84, 56, 40), (52, 66, 58), (60, 62, 70), (110, 40, 38), (150, 130, 100), (128, 132, 134))
_BOARDS = (
    (224, 220, 210), (40, 42, 48), (160, 40, 44), (40, 84, 140), (62, 110, 70), (214, 170, 60),
    (110, 60, 100),
)  # fmt: skip
_AWNINGS = ((150, 44, 46), (44, 84, 66), (60, 74, 110), (196, 176, 140), (206, 140, 60), (70, 66, 64))


def _parts() -> np.ndarray:
    """How much of each paint is in a material, float32 [materials, 7].

    The paints are those of wall, ground floor, trim, frame, shutter, door and inside of a shop.
    """
    parts = np.zeros((MATERIALS, 7), np.float32)
    for tone, part in enumerate((0.93, 1.0, 1.03, 1.07)):
        parts[Material.WALL + tone, 0] = parts[Material.BASE + tone, 1] = part
    for material, paint, part in (
        (Material.WALL_DARK, 0, 0.84), (Material.WALL_DEEP, 0, 0.5), (Material.PLINTH, 1, 0.7),
        (Material.TRIM, 2, 1.0), (Material.TRIM_DARK, 2, 0.66), (Material.FRAME, 3, 1.0),
        (Material.SHUTTER, 4, 1.0),
        (Material.DOOR, 5, 1.0), (Material.DOOR_DARK, 5, 0.7), (Material.SHOP, 6, 1.0),
    ):  # fmt: skip
        parts[material, paint] = part
    return parts


_PARTS = _parts()


@dataclasses.dataclass(frozen=True)
class Plane:
    """An upright plane from the street point (s0, z0) to (s1, z1); `normal` looks out of it."""

    s0: float
    z0: float
    s1: float
    z1: float
    normal: Vector

    @property
    def length(self) -> float:
        """Metres from end to end."""
        return math.hypot(self.s1 - self.s0, self.z1 - self.z0)

    def point(self, u: float, y: float, out: float = 0.0) -> Point:
        """The street point `u` meters along the plane, `y` up and `out` meters before it."""
        part = u / self.length
        s = self.s0 + (self.s1 - self.s0) * part + self.normal[0] * out
        return s, y, self.z0 + (self.z1 - self.z0) * part + self.normal[2] * out

    def outline(self, *corners: tuple[float, float]) -> list[Point]:
        """The street points of corners (u, y) on the plane."""
        return [self.point(u, y) for u, y in corners]


def draw_facade(
    canvas: Canvas, light: Light, rng: random.Random, plane: Plane, height: float, style: FrontStyle,
    shaded_below: float = 0.0,
) -> None:  # fmt: skip
    """Draws a front on a plane; up to `shaded_below` meters the sun does not reach it."""
    camera, length = canvas.camera, plane.length
    left, right = (camera.pixel(*plane.point(u, 3.0))[0] for u in (0.0, length))
    distance = math.sqrt(max(min(plane.z0, plane.z1), 4.0) * max(plane.z0, plane.z1, 4.0))
    if abs(right - left) / length * style.bay < _COARSE:
        sunlit = 0.0 if shaded_below > height / 2 else 1.0
        _draw_far_facade(canvas, light, rng, plane, height, style, distance, sunlit)
        return
    finest = _FINEST * camera.height
    columns, rows = min(1.1 * abs(right - left) / length, finest), min(camera.scale(distance), finest)
    cells = lay_out_front(rng, length, height, columns, rows, style, light.lamps)
    if shaded_below > 0:
        cells[max(0, len(cells) - round(shaded_below * len(cells) / height)) :] += np.uint8(MATERIALS)
    image = cv2.applyColorMap(cells, _colors(light, rng, style, plane.normal, distance))
    corners = plane.outline((0, 0), (length, 0), (length, height), (0, height))
    canvas.image(image, corners, BUILDING)


def _draw_far_facade(
    canvas: Canvas, light: Light, rng: random.Random, plane: Plane, height: float, style: FrontStyle,
    distance: float, sunlit: float,
) -> None:  # fmt: skip
    """Draws a distant or obliquely seen front: only wall, ground floor and windows."""
    length, floor = plane.length, style.ground_floor

    def color(own: RGB, part: float = 1.0) -> RGB:
        return light.shade(_dimmed(own, part), plane.normal, distance, sunlit)

    wall = plane.outline((0, 0), (length, 0), (length, height), (0, height))
    canvas.polygon(wall, color(style.wall), BUILDING)
    shop = style.ground == "shops"
    if shop and light.lamps:
        lower = light.fade(_LIT[2][1], distance)
    else:
        lower = color(rng.choice(_SHOP_INSIDES)) if shop else color(style.base, 0.85)
    top = 0.72 * floor if shop else floor
    if style.ground != "blank":
        canvas.polygon(plane.outline((0, 0.4), (length, 0.4), (length, top), (0, top)), lower)
    storeys, across = int((height - floor + 0.3) / style.storey), max(1, round(length / style.bay))
    if storeys < 1 or not style.window[0]:
        return
    bay, (width, tall) = length / across, style.window
    left = (np.arange(across) + 0.5 - width / 2) * (bay / length)
    low = floor + style.storey * (np.arange(storeys) + (1 - tall) * 0.55)
    points = np.empty((storeys, across, 4, 3), np.float32)
    for axis, (start, end) in ((0, (plane.s0, plane.s1)), (2, (plane.z0, plane.z1))):
        edges = left[None, :, None] + np.array((0, 1, 1, 0)) * (width * bay / length)
        points[..., axis] = start + edges * (end - start)
    points[..., 1] = low[:, None, None] + np.array((0, 0, 1, 1)) * (tall * style.storey)
    points = points.reshape(-1, 4, 3)
    glass = _glass(light, rng.choice((0.12, 0.2, 0.3)), distance)
    lit = np.array([light.lamps and rng.random() < 0.3 for _ in points])
    canvas.polygons(points[~lit], glass)
    canvas.polygons(points[lit], light.fade(_LIT[0][1], distance))


def _glass(light: Light, mirrored: float, distance: float) -> RGB:
    """The color of a pane that mirrors that part of the sky."""
    day = min(1.0, light.sky[1] * 1.6)
    sky = [0.4 * low + 0.6 * high for low, high in zip(light.skyline, light.zenith)]
    return light.fade([day * (own * (1 - mirrored) + part * mirrored) for own, part in zip(_GLASS, sky)], distance)


def _dimmed(color: RGB, part: float) -> RGB:
    return tuple(a * part for a in color)


def _colors(light: Light, rng: random.Random, style: FrontStyle, normal: Vector, distance: float) -> np.ndarray:
    """The colors uint8 [256, 1, 3] of all materials: first as the light falls, then without the sun."""
    door, balcony, inside = rng.choice(_DOORS), rng.choice((0.5, 0.8, 1.0)), rng.choice(_SHOP_INSIDES)
    paints = (style.wall, style.base, style.trim, style.frame, style.shutter or style.trim, door, inside)
    parts = _PARTS.copy()
    parts[Material.BALCONY, 2] = balcony
    own = parts @ np.array(paints, np.float32)
    own[Material.BOARD : Material.BOARD + 3] = rng.sample(_BOARDS, k=3)
    own[[Material.CURTAIN, Material.INK]] = _CURTAIN, _INK
    # Light acts affinely on colors, so its effect on black and on white determines its effect on any color.
    black = np.array(light.fade((0.0, 0.0, 0.0), distance), np.float32)
    white = [light.shade((100.0, 100.0, 100.0), normal, distance, sunlit) for sunlit in (1.0, 0.0)]
    seen = own * ((np.array(white, np.float32) - black) / 100)[:, None] + black

    for material, mirrored in _GLASSES:
        seen[:, material] = _glass(light, mirrored, distance)
    for material, color in _LIT[: 3 if light.lamps else 0]:
        seen[:, material] = light.fade(color, distance)
    seen[:, Material.SHOP_SHINE] = seen[:, Material.SHOP] * 0.72 + np.array(light.zenith, np.float32) * 0.22
    colors = np.zeros((256, 1, 3), np.uint8)
    colors[: 2 * MATERIALS, 0] = np.minimum(seen, 255).reshape(-1, 3)
    return colors


def draw_awning(
    canvas: Canvas, light: Light, rng: random.Random, plane: Plane, left: float, right: float, top: float
) -> None:
    """Draws an awning over a shop window between `left` and `right` meters along a plane."""
    cloth, reach = rng.choice(_AWNINGS), rng.uniform(0.9, 1.5)
    stripes = 8 if rng.random() < 0.5 else 1
    distance = plane.point(left, 0.0)[2]
    if distance < 2.0:
        return
    tilted = tuple(part * 0.7 + up for part, up in zip(plane.normal, (0.0, 0.7, 0.0)))
    for index in range(stripes):
        a, b = (left + (right - left) * edge / stripes for edge in (index, index + 1))
        color = cloth if index % 2 == 0 else (226, 222, 212)
        high = [plane.point(a, top + 0.1), plane.point(b, top + 0.1)]
        low = [plane.point(b, top - 0.5, reach), plane.point(a, top - 0.5, reach)]
        hem = [plane.point(a, top - 0.72, reach), plane.point(b, top - 0.72, reach)]
        canvas.polygon(high + low, light.shade(color, tilted, distance), BUILDING)
        canvas.polygon(low + hem, light.shade(_dimmed(color, 0.85), plane.normal, distance), BUILDING)
