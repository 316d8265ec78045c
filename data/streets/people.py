"""People on foot and on two wheels."""

import math
import random

from data.streets.figures import Limb, vary
from data.streets.light import RGB

_SKIN = ((232, 190, 162), (214, 168, 138), (188, 140, 108), (142, 98, 72), (96, 66, 50), (240, 204, 180))
_HAIR = ((44, 34, 28), (88, 62, 42), (24, 22, 22), (150, 118, 78), (180, 176, 170), (110, 56, 36))
_TOPS = (
    (52, 58, 74), (34, 36, 40), (128, 132, 138), (214, 212, 206), (150, 44, 46), (70, 96, 140), (92, 108, 78),
    (188, 160, 112), (216, 178, 62), (112, 72, 98), (70, 110, 116), (200, 112, 84), (64, 52, 46),
)  # fmt: skip
_TROUSERS = (
    (40, 44, 56), (30, 31, 34), (62, 76, 104), (104, 100, 94), (150, 138, 116), (84, 72, 60), (72, 92, 124),
)  # fmt: skip
_SHOES = ((30, 28, 28), (222, 220, 214), (96, 66, 46))


def walker(rng: random.Random, stride: float) -> list[Limb]:
    """Somebody on foot, 1.74 m tall; `stride` 0 stands still, 1 walks."""
    skin, hair = vary(rng, rng.choice(_SKIN)), vary(rng, rng.choice(_HAIR))
    top, trousers = vary(rng, rng.choice(_TOPS)), vary(rng, rng.choice(_TROUSERS))
    outfit = rng.choices(("plain", "coat", "skirt", "shorts"), (55, 18, 14, 13))[0]
    legs = skin if outfit in ("skirt", "shorts") else trousers
    swing, shoes = stride * rng.uniform(-0.34, 0.34), rng.choice(_SHOES)
    limbs = []
    for side in (-1, 1):
        step, x = swing * side, side * 0.10
        hip, knee = (side * 0.09, 0.90, 0.0, 0.085), (x, 0.48, step * 0.6 + 0.03, 0.062)
        lift = 0.08 + max(0.0, -step) * 0.25
        elbow, hand = (side * 0.27, 1.12, -step * 0.5, 0.048), (side * 0.27, 0.88, -step * 0.9 + 0.05, 0.042)
        limbs += [
            Limb((hip, knee), trousers if outfit == "shorts" else legs),
            Limb((knee, (x, lift, step, 0.045)), legs),
            Limb(((x, lift, step, 0.045), (x, lift - 0.03, step + 0.13, 0.04)), shoes, small=True),
            Limb(((side * 0.19, 1.40, 0.0, 0.065), elbow), top),
            Limb((elbow, hand), skin if outfit == "shorts" else top),
            Limb((hand, (side * 0.27, 0.82, hand[2], 0.036)), skin, small=True),
        ]
    limbs.append(Limb(_torso(1.40, 0.15, 0.08, 0.98, 0.09, 0.10, 0.0), top))
    if outfit in ("coat", "skirt"):
        hem = 0.55 if outfit == "coat" else 0.62
        limbs.append(Limb(_torso(1.02, 0.08, 0.10, hem, 0.12, 0.12, 0.0), top if outfit == "coat" else trousers))
    limbs += _head(rng, 1.62, 0.02, skin, hair)
    if rng.random() < 0.3:
        limbs.append(Limb(_torso(1.36, 0.10, 0.08, 1.04, 0.10, 0.10, -0.17), vary(rng, rng.choice(_TOPS))))
    elif rng.random() < 0.3:
        x = rng.choice((-0.30, 0.30))
        corners = ((0.70, 0.06), (0.70, -0.16), (0.48, 0.06), (0.48, -0.16))
        limbs.append(Limb(tuple((x, y, z, 0.05) for y, z in corners), vary(rng, rng.choice(_TOPS))))
    return limbs


def rider(rng: random.Random, seat: float, bars: tuple[float, float], upright: float, helmet: bool) -> list[Limb]:
    """Somebody on a two-wheeler: height of the seat, (height, z) of the handlebars, `upright` from 0 to 1."""
    skin, hair = vary(rng, rng.choice(_SKIN)), vary(rng, rng.choice(_HAIR))
    top, trousers = vary(rng, rng.choice(_TOPS)), vary(rng, rng.choice(_TROUSERS))
    back = -0.18
    shoulder, ahead = seat + 0.54, back + 0.42 - 0.3 * upright
    pedals = rng.uniform(0, math.pi)
    limbs = []
    for side in (-1, 1):
        y, z = 0.30 + 0.15 * math.cos(pedals) * side, 0.08 + 0.15 * math.sin(pedals) * side
        knee = (side * 0.12, (seat + y) / 2 + 0.16, z + 0.22, 0.07)
        elbow = (side * 0.27, (shoulder + bars[0]) / 2 - 0.04, (ahead + bars[1]) / 2, 0.05)
        limbs += [
            Limb(((side * 0.09, seat + 0.06, back, 0.095), knee), trousers),
            Limb((knee, (side * 0.12, y, z, 0.048)), trousers),
            Limb(((side * 0.12, y, z, 0.048), (side * 0.12, y - 0.02, z + 0.14, 0.04)), _SHOES[0], small=True),
            Limb(((side * 0.18, shoulder, ahead, 0.068), elbow), top),
            Limb((elbow, (side * 0.24, bars[0] + 0.02, bars[1], 0.045)), top),
        ]
    hips = ((-0.08, seat + 0.10, back, 0.11), (0.08, seat + 0.10, back, 0.11))
    limbs.append(Limb(((-0.14, shoulder, ahead, 0.085), (0.14, shoulder, ahead, 0.085), *hips), top))
    limbs += _head(rng, shoulder + 0.24, ahead + 0.06, skin, hair)
    if helmet:
        y, z = shoulder + 0.29, ahead + 0.06
        limbs.append(Limb(((0.0, y, z - 0.03, 0.125), (0.0, y - 0.01, z + 0.05, 0.11)), vary(rng, rng.choice(_TOPS))))
    return limbs


def _torso(high: float, x_high: float, r_high: float, low: float, x_low: float, r_low: float, z: float) -> tuple:
    """Four balls: two at the height `high`, two at `low`."""
    return (
        (-x_high, high, z, r_high),
        (x_high, high, z, r_high),
        (-x_low, low, z, r_low),
        (x_low, low, z, r_low),
    )


def _head(rng: random.Random, y: float, z: float, skin: RGB, hair: RGB) -> list[Limb]:
    limbs = [
        Limb(((0.0, y - 0.18, z - 0.02, 0.06), (0.0, y - 0.08, z - 0.01, 0.06)), skin, small=True),
        Limb(((0.0, y, z + 0.015, 0.098), (0.0, y - 0.05, z + 0.03, 0.075)), skin),
        Limb(((0.0, y + 0.035, z - 0.035, 0.105), (0.0, y + 0.055, z + 0.02, 0.09)), hair),
    ]
    if rng.random() < 0.35:
        limbs.append(Limb(((0.0, y, z - 0.07, 0.09), (0.0, y - 0.20, z - 0.08, 0.075)), hair, small=True))
    return limbs
