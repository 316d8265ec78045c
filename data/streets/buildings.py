"""Buildings along the street: their front, their end towards the camera and their roof."""

import dataclasses
import random

from data.streets.canvas import Canvas
from data.streets.facades import Plane, draw_awning, draw_facade
from data.streets.identity import BUILDING
from data.streets.light import RGB, Light
from data.streets.styles import FrontStyle

_DETAILS_UP_TO = 70.0  # meters
_ROOFS = ((150, 84, 62), (132, 70, 54), (92, 88, 88), (74, 74, 80), (112, 88, 74), (164, 102, 72))
_CHIMNEY = (140, 84, 66)


@dataclasses.dataclass(frozen=True)
class Building:
    """A building beside the street. `side` is -1 (left) or 1, `front` where its front stands, off s = 0."""

    side: int
    front: float
    z0: float
    z1: float
    height: float  # of the eaves
    depth: float
    roof: str  # "flat", "pitched", "mansard" or "gable" (with its ridge across the street)
    roof_height: float
    roof_color: RGB
    style: FrontStyle
    end_windows: bool  # in the end that looks at the camera

    @property
    def top(self) -> float:
        """The height of the ridge."""
        return self.height + self.roof_height


def sample_roof(rng: random.Random) -> RGB:
    """The color of a roof."""
    brightness = rng.uniform(0.85, 1.1)
    return tuple(part * brightness for part in rng.choice(_ROOFS))


def draw_building(canvas: Canvas, light: Light, rng: random.Random, b: Building, shaded_below: float) -> None:
    """Draws a building; up to `shaded_below` meters the sun does not reach its front."""
    camera = canvas.camera
    z0 = max(b.z0, 1.0)
    columns = [camera.pixel(b.side * s, 2.0, z)[0] for s in (b.front, b.front + b.depth) for z in (z0, b.z1)]
    if max(columns) < 0 or min(columns) > camera.width or b.z1 < 2.0:
        return
    _draw_roof(canvas, light, rng, b, z0)
    if b.z0 > 3.0:
        _draw_end(canvas, light, rng, b)
    if camera.pixel(b.side * b.front, 2.0, b.z1)[0] * b.side > (camera.width if b.side > 0 else 0):
        return
    front = Plane(b.side * b.front, z0, b.side * b.front, b.z1, (-b.side, 0.0, 0.0))
    draw_facade(canvas, light, rng, front, b.height, b.style, shaded_below)
    if b.roof == "gable":
        gable = front.outline((0, b.height), (front.length, b.height), (front.length / 2, b.top))
        canvas.polygon(gable, light.shade(b.style.wall, front.normal, b.z0), BUILDING)
    if b.style.ground == "shops" and z0 < _DETAILS_UP_TO and rng.random() < 0.5:
        left = rng.uniform(0.3, max(0.4, front.length - 7))
        right = min(left + rng.uniform(3, 6), front.length)
        draw_awning(canvas, light, rng, front, left, right, b.style.ground_floor - 0.9)


def _draw_end(canvas: Canvas, light: Light, rng: random.Random, b: Building) -> None:
    """Draws the end that looks at the camera."""
    inner, outer = b.side * b.front, b.side * (b.front + b.depth)
    left, right = min(inner, outer), max(inner, outer)
    end = Plane(left, b.z0, right, b.z0, (0.0, 0.0, -1.0))
    if b.end_windows:
        draw_facade(canvas, light, rng, end, b.height, b.style)
    else:
        corners = end.outline((0, 0), (b.depth, 0), (b.depth, b.height), (0, b.height))
        canvas.polygon(corners, light.shade(b.style.wall, end.normal, b.z0), BUILDING)
    if b.roof == "mansard":
        hip = end.outline((0, b.height), (b.depth, b.height), (b.depth - 1.6, b.top), (1.6, b.top))
        canvas.polygon(hip, light.shade(b.roof_color, (0.0, 0.5, -0.85), b.z0), BUILDING)
    elif b.roof == "pitched":
        gable = end.outline((0, b.height), (b.depth, b.height), (b.depth / 2, b.top))
        canvas.polygon(gable, light.shade(b.style.wall, end.normal, b.z0), BUILDING)


def _draw_roof(canvas: Canvas, light: Light, rng: random.Random, b: Building, z0: float) -> None:
    if b.roof == "flat":
        return
    inner, outer, eaves = b.side * b.front, b.side * (b.front + b.depth), b.height
    ridge = b.side * (b.front + b.depth / 2)
    if b.roof == "gable":
        middle = (b.z0 + b.z1) / 2
        for start, normal in ((b.z1, (0.0, 0.75, 0.65)), (z0, (0.0, 0.75, -0.65))):
            slope = (
                (inner, eaves, start),
                (outer, eaves, start),
                (outer, b.top, middle),
                (inner, b.top, middle),
            )
            canvas.polygon(slope, light.shade(b.roof_color, normal, z0), BUILDING)
    else:
        steep = b.roof == "mansard"
        back = b.side * (b.front + 1.6) if steep else ridge
        edge = b.side * (b.front - 0.35)
        normal = (-b.side * 0.85, 0.5, 0.0) if steep else (-b.side * 0.6, 0.8, 0.0)
        slope = ((edge, eaves - 0.1, z0), (edge, eaves - 0.1, b.z1), (back, b.top, b.z1), (back, b.top, z0))
        color = light.shade(b.roof_color, normal, z0)
        canvas.polygon(slope, color, BUILDING)
        if z0 < _DETAILS_UP_TO:
            _draw_roof_details(canvas, light, rng, b, slope, color)
        if not steep and z0 > 2:
            verge = (
                (edge, eaves - 0.25, z0), (ridge, b.top - 0.1, z0), (outer, eaves - 0.25, z0),
                (outer, eaves + 0.1, z0), (ridge, b.top + 0.15, z0), (edge, eaves + 0.1, z0),
            )  # fmt: skip
            canvas.polygon(verge, tuple(part * 0.7 for part in color), BUILDING)
    if rng.random() < 0.6:
        z = z0 + rng.uniform(0.2, 0.8) * (b.z1 - z0)
        s, low, high = b.side * (b.front + 2.0) if b.roof == "mansard" else ridge, b.top - 0.6, b.top + 1.1
        stack = ((s - 0.4, low, z), (s + 0.4, low, z), (s + 0.4, high, z), (s - 0.4, high, z))
        canvas.polygon(stack, light.shade(_CHIMNEY, (0, 0, -1.0), z), BUILDING)


def _draw_roof_details(canvas: Canvas, light: Light, rng: random.Random, b: Building, slope, color: RGB) -> None:
    """Draws courses of tiles, and dormers or windows in the roof."""

    def between(a, c, part: float):
        return tuple(x + (y - x) * part for x, y in zip(a, c))

    low0, low1, high1, high0 = slope
    dark = tuple(part * 0.86 for part in color)
    if canvas.camera.scale(max(b.z0, 3.0)) > 24:
        for step in range(1, 8):
            canvas.line((between(low0, high0, step / 8), between(low1, high1, step / 8)), dark, 1)
    if rng.random() < 0.5:
        return
    count = max(1, int((low1[2] - low0[2]) / 4))
    for index in range(count):
        foot = between(low0, low1, (index + 0.5) / count)
        head = between(high0, high1, (index + 0.5) / count)
        if b.roof == "mansard":
            s, y, z = foot[0] + b.side * 0.5, b.height + 0.3, foot[2]
            for half, low, high, own in ((0.7, 0.0, 1.5, b.style.trim), (0.5, 0.2, 1.3, (62, 72, 82))):
                dormer = [
                    (s, y + up, z + ahead) for up, ahead in ((low, -half), (low, half), (high, half), (high, -half))
                ]
                canvas.polygon(dormer, light.shade(own, (-b.side, 0.0, 0.0), z), BUILDING)
        else:
            low, high = between(foot, head, 0.35), between(foot, head, 0.62)
            pane = [
                (*point[:2], point[2] + ahead)
                for point, ahead in ((low, -0.45), (low, 0.45), (high, 0.45), (high, -0.45))
            ]
            canvas.polygon(pane, light.fade(tuple(part * 0.6 + 30 for part in light.zenith), foot[2]))
