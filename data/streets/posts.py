"""Posts and what they carry: lamps, traffic lights, traffic signs, tram masts and bollards."""

import math
import random
from collections.abc import Sequence

from data.streets.canvas import Canvas, Point
from data.streets.identity import POLE, TRAFFIC_LIGHT, TRAFFIC_SIGN
from data.streets.light import RGB, Light

_METAL = ((104, 108, 110), (78, 82, 84), (128, 130, 130), (60, 74, 66), (52, 54, 58))
_TOWARDS = (0.0, 0.0, -1.0)
_RED, _WHITE, _BLUE = (190, 32, 36), (232, 232, 228), (28, 84, 164)
_YELLOW, _GREEN = (238, 192, 40), (32, 108, 72)


def _scaled(color: RGB, part: float) -> RGB:
    return tuple(channel * part for channel in color)


def pole_color(rng: random.Random) -> RGB:
    """The color of a metal post."""
    return _scaled(rng.choice(_METAL), rng.uniform(0.85, 1.15))


def draw_post(canvas: Canvas, light: Light, path: Sequence[Point], radius: float, color: RGB, sunlit: float) -> None:
    """Draws a round post along street points, with a lit and a dark side."""
    pixels = [canvas.camera.pixel(*point) for point in path]
    halves = [max(radius * canvas.camera.scale(point[2]), 0.55) for point in path]
    (u0, v0), (u1, v1) = pixels[0], pixels[-1]
    length = max(math.hypot(u1 - u0, v1 - v0), 1e-6)
    across = ((v0 - v1) / length, (u1 - u0) / length)
    sun_side = math.copysign(1.0, light.direction[0])
    if across[0] * sun_side < 0 or (abs(across[0]) < 0.2 and across[1] > 0):
        across = (-across[0], -across[1])

    def edge(part: float) -> list[tuple[float, float]]:
        return [(u + across[0] * half * part, v + across[1] * half * part) for (u, v), half in zip(pixels, halves)]

    distance = path[0][2]
    dark = light.shade(_scaled(color, 0.8), (-0.75 * sun_side, 0.0, -0.66), distance, sunlit)
    canvas.fill(edge(-1.0) + edge(1.0)[::-1], dark, POLE)
    if max(halves) > 1.0:
        bright = light.shade(_scaled(color, 1.1), (0.75 * sun_side, 0.0, -0.66), distance, sunlit)
        canvas.fill(edge(0.1) + edge(1.0)[::-1], bright)


def draw_street_lamp(canvas: Canvas, light: Light, rng: random.Random, s: float, z: float, sunlit: float) -> None:
    """A street lamp whose arm reaches over the road, or a low one."""
    color, height = pole_color(rng), rng.uniform(5.5, 9.0)
    inwards = -math.copysign(1.0, s)
    if rng.random() < 0.3:
        draw_post(canvas, light, ((s, 0, z), (s, 4.2, z)), 0.06, color, sunlit)
        outline = ((-0.16, 4.1), (0.16, 4.1), (0.24, 4.6), (0.0, 4.85), (-0.24, 4.6))
        head = [(s + x, y, z) for x, y in outline]
    else:
        reach = rng.uniform(0.8, 2.2) * inwards
        tip = s + reach
        draw_post(canvas, light, ((s, 0, z), (s, height - 0.7, z)), 0.08, color, sunlit)
        bend = (s + reach * 0.15, height - 0.2, z)
        draw_post(canvas, light, ((s, height - 0.8, z), bend, (tip, height, z)), 0.05, color, sunlit)
        outline = ((0.0, -0.06), (0.7, 0.0), (0.65, 0.12), (0.0, 0.1))
        head = [(tip + x * inwards, height + y, z) for x, y in outline]
    shine = light.fade((255, 236, 190), z) if light.lamps else light.shade((196, 198, 196), _TOWARDS, z)
    canvas.polygon(head, shine, POLE)


def draw_mast(canvas: Canvas, light: Light, color: RGB, s: float, z: float, wire_s: float, sunlit: float) -> None:
    """A mast that carries the wire of a tram; the wire itself has no label, as in Cityscapes."""
    draw_post(canvas, light, ((s, 0, z), (s, 7.2, z)), 0.1, color, sunlit)
    canvas.line(((s, 6.8, z), (wire_s, 5.9, z)), light.fade((50, 52, 56), z), canvas.camera.height / 800)


def draw_bollard(canvas: Canvas, light: Light, s: float, z: float, sunlit: float, color: RGB) -> None:
    """A knee-high post with a white band."""
    draw_post(canvas, light, ((s, 0, z), (s, 0.95, z)), 0.07, color, sunlit)
    draw_post(canvas, light, ((s, 0.7, z), (s, 0.82, z)), 0.072, (226, 226, 222), sunlit)


def draw_traffic_light(
    canvas: Canvas, light: Light, rng: random.Random, s: float, z: float, sunlit: float, over_road: bool
) -> None:
    """A signal on its post, and a second one on an arm above the road where `over_road`."""
    color = _scaled(pole_color(rng), 0.8)
    state = rng.choices(("red", "yellow", "green"), (45, 10, 45))[0]
    height = 5.6 if over_road else rng.uniform(3.5, 3.7)
    draw_post(canvas, light, ((s, 0, z), (s, height, z)), 0.09 if over_road else 0.06, color, sunlit)
    _draw_signal(canvas, light, s, 2.35, z, state)
    if over_road:
        tip = s - math.copysign(rng.uniform(2.8, 4.5), s)
        draw_post(canvas, light, ((s, height - 0.1, z), (tip, height + 0.05, z)), 0.06, color, sunlit)
        _draw_signal(canvas, light, tip, height - 0.75, z, state)


def _draw_signal(canvas: Canvas, light: Light, s: float, y: float, z: float, state: str) -> None:
    """A housing with three lamps whose lower edge is at height `y`."""
    unit = canvas.camera.scale(z)
    middle, bottom = canvas.camera.pixel(s, y, z)
    height = 1.10 * unit
    for half, color, identity in ((0.28, (26, 27, 29), TRAFFIC_LIGHT), (0.20, (48, 52, 50), None)):
        left, right = middle - half * unit, middle + half * unit
        case = ((left, bottom), (right, bottom), (right, bottom - height), (left, bottom - height))
        canvas.fill(case, light.shade(color, _TOWARDS, z), identity)
    radius = max(0.14 * unit, 0.8)
    lamps = (("red", (255, 52, 40)), ("yellow", (255, 190, 48)), ("green", (64, 230, 140)))
    for index, (name, on) in enumerate(lamps):
        color = light.fade(on, z) if name == state else light.shade(_scaled(on, 0.22), _TOWARDS, z)
        canvas.fill(_regular(10, 0.0, middle, bottom - height * (5 - 2 * index) / 6, radius, radius), color)


def _regular(sides: int, turn: float, u: float, v: float, across: float, up: float) -> list[tuple[float, float]]:
    """The corners of a regular polygon around the pixel (u, v)."""
    steps = [2 * math.pi * side / sides + turn for side in range(sides)]
    return [(u + across * math.cos(step), v + up * math.sin(step)) for step in steps]


_SIGNS = {
    # shape: corners, turn, radius, (rim, field) choices, marks as (x0, y0, x1, y1)
    "round": (16, 0.0, 0.36, ((_RED, _WHITE), (_BLUE, _BLUE), (_RED, _BLUE), (_RED, _RED)),
              ((-0.4, -0.12, 0.4, 0.12),)),
    "warning": (3, -math.pi / 2, 0.48, ((_RED, _WHITE),), ((-0.06, -0.3, 0.06, 0.2),)),
    "give way": (3, math.pi / 2, 0.48, ((_RED, _WHITE),), ()),
    "square": (4, math.pi / 4, 0.46, ((_BLUE, _BLUE), (_WHITE, _BLUE), (_BLUE, _WHITE)),
               ((-0.2, -0.34, -0.06, 0.34), (-0.06, -0.34, 0.2, -0.02))),
    "stop": (8, math.pi / 8, 0.40, ((_WHITE, _RED),), ((-0.5, -0.12, 0.5, 0.12),)),
    "priority": (4, 0.0, 0.44, ((_WHITE, _YELLOW),), ()),
    "board": (4, math.pi / 4, 0.62, ((_WHITE, _GREEN), (_WHITE, _BLUE), (_YELLOW, _YELLOW), (_WHITE, _WHITE)),
              ((-0.8, -0.24, 0.5, -0.08), (-0.8, 0.08, 0.2, 0.24))),
}  # fmt: skip


def draw_sign(canvas: Canvas, light: Light, rng: random.Random, s: float, z: float, sunlit: float) -> None:
    """One or two traffic signs on a post."""
    draw_post(canvas, light, ((s, 0, z), (s, rng.uniform(2.9, 3.3), z)), 0.035, pole_color(rng), sunlit)
    y = 2.6
    for _ in range(1 if rng.random() < 0.7 else 2):
        _draw_sign_face(canvas, light, rng, (s, y, z), rng.choice(tuple(_SIGNS)), sunlit)
        y -= 0.78


def _draw_sign_face(canvas: Canvas, light: Light, rng: random.Random, middle: Point, shape: str, sunlit: float) -> None:
    sides, turn, radius, schemes, marks = _SIGNS[shape]
    rim, field = rng.choice(schemes)
    wide, high = (1.5, 0.55) if shape == "board" else (1.0, 1.0)
    z = middle[2]
    size = max(radius * canvas.camera.scale(z), 1.0)
    u, v = canvas.camera.pixel(*middle)
    for part, color, identity in ((1.0, rim, TRAFFIC_SIGN), (0.76, field, None)):
        shaded = _scaled(light.shade(color, (0.0, 0.15, -1.0), z, max(sunlit, 0.4)), 1.08)
        canvas.fill(_regular(sides, turn, u, v, size * part * wide, size * part * high), shaded, identity)
    if size > 3:
        ink = light.shade((30, 30, 32) if sum(field) > 450 else _WHITE, _TOWARDS, z, sunlit)
        for x0, y0, x1, y1 in marks:
            corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
            canvas.fill([(u + x * size, v + y * size) for x, y in corners], ink)
