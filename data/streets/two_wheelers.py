"""Bicycles, motorcycles and scooters."""

import random

from data.streets.figures import Limb, Wheels, vary

BICYCLE_WHEELS = Wheels(((0.34, -0.52), (0.34, 0.54)), 0.34, 0.045, True)
MOTORCYCLE_WHEELS = Wheels(((0.31, -0.68), (0.31, 0.74)), 0.31, 0.12, False)

_PAINTS = ((40, 42, 46), (150, 40, 42), (48, 84, 140), (206, 206, 202), (60, 110, 80), (206, 150, 50))
_DARK, _METAL, _TAIL, _WICKER = (36, 36, 40), (128, 130, 132), (190, 30, 30), (110, 88, 62)


def bicycle(rng: random.Random) -> list[Limb]:
    """The frame of a bicycle, 1.75 m long."""
    paint = vary(rng, rng.choice(_PAINTS))
    rear, front, crank, steer = (0.34, -0.52), (0.34, 0.54), (0.29, -0.06), (0.80, 0.36)
    saddle = (0.86, -0.20)
    tubes = [(rear, crank), (crank, saddle), (crank, steer), (rear, (0.78, -0.18)), (front, (1.0, 0.32))]
    tubes.append(((0.76, -0.16), (0.78, 0.36)) if rng.random() < 0.6 else ((0.52, -0.12), (0.70, 0.38)))
    limbs = [Limb(((0.0, *a, 0.02), (0.0, *b, 0.02)), paint) for a, b in tubes]
    limbs += [
        Limb(((0.0, 0.90, -0.30, 0.05), (0.0, 0.91, -0.06, 0.03)), _DARK),
        Limb(((-0.28, 1.03, 0.24, 0.024), (0.28, 1.03, 0.24, 0.024)), _DARK),
        Limb(((0.0, 0.66, -0.66, 0.03), (0.0, 0.70, -0.70, 0.03)), _TAIL, small=True),
    ]
    if rng.random() < 0.4:
        corners = ((-0.15, 0.80, 0.52), (0.15, 0.80, 0.52), (-0.17, 0.98, 0.58), (0.17, 0.98, 0.58))
        limbs.append(Limb(tuple((*corner, 0.05) for corner in corners), _WICKER))
    return limbs


def motorcycle(rng: random.Random) -> list[Limb]:
    """A motorcycle or a scooter, 2.1 m long."""
    paint = vary(rng, rng.choice(_PAINTS))
    if rng.random() < 0.4:
        return _scooter(paint)
    return [
        Limb(((0.0, 0.40, -0.20, 0.16), (0.0, 0.42, 0.22, 0.16), (0.0, 0.60, 0.10, 0.14)), _METAL),
        Limb(((0.0, 0.84, 0.28, 0.13), (0.0, 0.80, -0.08, 0.12), (0.0, 0.70, 0.20, 0.13)), paint),
        Limb(((0.0, 0.80, -0.10, 0.10), (0.0, 0.86, -0.72, 0.08)), _DARK),
        Limb(((0.0, 0.70, -0.30, 0.09), (0.0, 0.84, -0.82, 0.06)), paint),
        Limb(((0.0, 0.34, 0.74, 0.05), (0.0, 0.98, 0.46, 0.06)), _METAL),
        Limb(((-0.36, 1.04, 0.36, 0.026), (0.36, 1.04, 0.36, 0.026)), _DARK),
        Limb(((0.0, 0.90, 0.56, 0.11), (0.0, 0.98, 0.50, 0.09)), paint),
        Limb(((0.16, 0.34, 0.10, 0.05), (0.18, 0.40, -0.76, 0.06)), _METAL),
        Limb(((0.0, 0.80, -0.84, 0.05), (0.0, 0.84, -0.86, 0.05)), _TAIL, small=True),
    ]


def _scooter(paint: tuple[float, float, float]) -> list[Limb]:
    tail = (
        (0.0, 0.36, -0.62, 0.14),
        (0.0, 0.72, -0.50, 0.17),
        (0.0, 0.70, -0.10, 0.15),
        (0.0, 0.34, -0.05, 0.12),
    )
    return [
        Limb(tail, paint),
        Limb(((0.0, 0.30, -0.10, 0.14), (0.0, 0.30, 0.36, 0.14)), paint),
        Limb(((-0.14, 0.42, 0.44, 0.06), (0.14, 0.42, 0.44, 0.06), (0.0, 0.95, 0.36, 0.09)), paint),
        Limb(((0.0, 0.84, -0.55, 0.09), (0.0, 0.84, -0.02, 0.09)), _DARK),
        Limb(((-0.32, 1.08, 0.30, 0.03), (0.32, 1.08, 0.30, 0.03)), _DARK),
        Limb(((0.0, 1.00, 0.42, 0.09), (0.0, 1.08, 0.40, 0.06)), paint),
        Limb(((0.0, 0.72, -0.72, 0.06), (0.0, 0.78, -0.74, 0.05)), _TAIL, small=True),
    ]
