"""Small objects that Cityscapes labels but ignores: bins, cabinets and benches, dogs and suitcases."""

import math
import random

from data.streets.canvas import Canvas
from data.streets.figures import Limb, Stand, draw_limbs, vary
from data.streets.identity import DYNAMIC, STATIC
from data.streets.light import Light
from data.streets.solids import Solid, box

_BIN = Solid(
    box((-0.28, 0.28), (0.0, 1.0), (-0.3, 0.3), "body") + box((-0.31, 0.31), (1.0, 1.08), (-0.34, 0.34), "lid"),
    (0, 0.5, 0),
)
_CABINET = Solid(
    box((-0.2, 0.2), (0.0, 1.25), (-0.6, 0.6), "body") + box((-0.22, 0.22), (1.25, 1.3), (-0.63, 0.63), "lid"),
    (0, 0.6, 0),
)
_BENCH = Solid(
    box((-0.22, 0.22), (0.40, 0.47), (-0.85, 0.85), "lid")
    + box((-0.24, -0.18), (0.5, 0.9), (-0.85, 0.85), "lid")
    + box((-0.18, 0.18), (0.0, 0.4), (-0.70, -0.66), "body")
    + box((-0.18, 0.18), (0.0, 0.4), (0.66, 0.70), "body"),
    (0, 0.45, 0),
)
_BODIES = ((44, 88, 62), (60, 66, 72), (206, 168, 48), (44, 74, 120), (110, 112, 110), (90, 64, 46))
_WOOD = (128, 96, 64)
_FURS = ((40, 34, 30), (120, 88, 58), (196, 170, 136), (210, 206, 200))


def draw_static(canvas: Canvas, light: Light, rng: random.Random, s: float, z: float, sunlit: float) -> None:
    """A bin, a cabinet or a bench on the pavement."""
    solid = rng.choice((_BIN, _BIN, _CABINET, _BENCH))
    body = vary(rng, rng.choice(_BODIES))
    paints = {"body": body, "lid": _WOOD if solid is _BENCH else tuple(part * 0.8 for part in body)}
    turn = 0.0 if s > 0 else math.pi
    solid.draw(canvas, light, s, z, turn, (1.0, 1.0, 1.0), paints, STATIC, sunlit)


def draw_dynamic(canvas: Canvas, light: Light, rng: random.Random, s: float, z: float, sunlit: float) -> None:
    """A dog, or a suitcase on wheels."""
    color = vary(rng, rng.choice(_FURS))
    if rng.random() < 0.6:
        limbs = [
            Limb(((0.0, 0.42, -0.25, 0.11), (0.0, 0.44, 0.2, 0.13)), color),
            Limb(((0.0, 0.50, 0.26, 0.07), (0.0, 0.62, 0.36, 0.08)), color),
            Limb(((0.0, 0.60, 0.38, 0.07), (0.0, 0.56, 0.52, 0.04)), color),
            Limb(((0.0, 0.48, -0.3, 0.03), (0.0, 0.62, -0.46, 0.02)), color),
        ]
        for x, ahead in ((-0.08, -0.24), (0.08, -0.28), (-0.08, 0.18), (0.08, 0.24)):
            limbs.append(Limb(((x, 0.36, ahead, 0.05), (x, 0.04, ahead, 0.035)), color))
    else:
        corners = [(x, y, ahead, 0.06) for x in (-0.14, 0.14) for y in (0.12, 0.62) for ahead in (-0.06, 0.06)]
        limbs = [
            Limb(tuple(corners), color),
            Limb(((0.0, 0.7, -0.08, 0.02), (0.0, 1.0, -0.08, 0.02)), (60, 60, 62)),
        ]
    turn = rng.choice((0.0, math.pi)) + rng.gauss(0, 0.5)
    draw_limbs(canvas, light, limbs, Stand(s, z, turn, 1.0, sunlit), DYNAMIC)
