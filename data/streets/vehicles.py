"""Vehicles in traffic: body, paint, lamps, position and shadow."""

import dataclasses
import math
import random
from collections.abc import Mapping

from data.streets.canvas import Canvas, Point
from data.streets.cars import CAR_SHAPES, car_solid
from data.streets.large_vehicles import (
    bus_solid,
    caravan_solid,
    trailer_solid,
    tram_part,
    truck_cab,
    truck_load,
)
from data.streets.light import RGB, Light
from data.streets.solids import Solid

_CAR_PAINTS = (
    (212, 213, 214), (196, 199, 202), (150, 153, 157), (112, 115, 120), (74, 77, 82), (42, 44, 48),
    (34, 36, 42), (58, 62, 70), (128, 130, 128), (40, 66, 118), (54, 92, 150), (150, 34, 36), (120, 30, 34),
    (96, 112, 96), (190, 172, 140), (206, 176, 64), (52, 84, 74), (92, 74, 62), (184, 96, 44),
)  # fmt: skip
_BUS_PAINTS = (
    (214, 190, 70), (196, 44, 44), (226, 226, 222), (52, 104, 160), (62, 128, 92), (120, 124, 130),
    (214, 120, 50),
)  # fmt: skip
_TRAM_PAINTS = ((196, 44, 44), (226, 222, 210), (222, 190, 70), (62, 120, 90), (60, 96, 150), (150, 154, 158))
_LOAD_PAINTS = (
    (226, 226, 224), (196, 198, 200), (60, 88, 132), (150, 52, 46), (72, 104, 84), (208, 170, 80),
    (108, 112, 118),
)  # fmt: skip
_PARTS = {
    "glass": (50, 60, 68), "reflection": (84, 98, 110), "tyre": (26, 26, 28), "rim": (150, 152, 156),
    "dark": (34, 35, 38), "chrome": (172, 175, 178), "plate": (226, 226, 214), "tail": (140, 22, 24),
    "head": (226, 230, 232), "gray": (128, 130, 132), "gap": (19, 19, 20), "display": (90, 66, 24),
    "blinker": (206, 120, 36),
}  # fmt: skip
_TAIL_ON, _HEAD_ON, _DISPLAY_ON = (255, 62, 44), (255, 252, 236), (255, 190, 60)

CAR_KINDS = tuple(CAR_SHAPES)


@dataclasses.dataclass(frozen=True)
class Vehicle:
    """One vehicle without a place: its label, its parts with their offset ahead (meters), size and paint."""

    label: str
    parts: tuple[tuple[Solid, float], ...]
    size: tuple[float, float, float]  # width, height, length in meters
    scale: tuple[float, float, float]
    paints: Mapping[str, tuple[float, float, float]]
    braking: bool

    def draw(
        self, canvas: Canvas, light: Light, s: float, z: float, turn: float, identity: int, sunlit: float,
        parked: bool = False,
    ) -> None:  # fmt: skip
        """Draws it at the street point (s, z); `turn` 0 shows its rear, pi its front."""
        paints = dict(self.paints)
        shining = []
        if not parked:
            shining.append("display")
            paints["display"] = _DISPLAY_ON
            if light.lamps:
                shining.append("head")
                paints["head"] = _HEAD_ON
            if self.braking or light.lamps:
                shining.append("tail")
                paints["tail"] = _TAIL_ON
        placed = [(s + math.sin(turn) * ahead, z + math.cos(turn) * ahead, solid) for solid, ahead in self.parts]
        for part_s, part_z, solid in sorted(placed, key=lambda part: -math.hypot(part[0], part[1])):
            solid.draw(canvas, light, part_s, part_z, turn, self.scale, paints, identity, sunlit, shining)

    def hull(self, s: float, z: float, turn: float) -> list[Point]:
        """Street points, ground points first, whose convex hull casts about the same shadow."""
        width, height, length = self.size
        narrow = 0.72 if self.label == "car" else 0.98
        cosine, sine = math.cos(turn), math.sin(turn)
        corners = []
        for part, y in ((0.5, 0.1), (0.5 * narrow, height)):
            for x, ahead in ((-part, -part), (part, -part), (part, part), (-part, part)):
                x, ahead = x * width, ahead * length
                corners.append((s + x * cosine + ahead * sine, y, z + ahead * cosine - x * sine))
        return corners


def make_vehicle(rng: random.Random, kind: str) -> Vehicle:
    """A vehicle of a kind: one of CAR_KINDS, bus, truck, train, caravan or trailer."""
    varied = tuple(rng.uniform(0.95, 1.05) for _ in range(3))
    label, parts, size, paint = _bodies(rng, kind)
    second = rng.choice(((40, 42, 46), (224, 224, 220), (190, 150, 60), (60, 90, 140), (150, 50, 50)))
    paints = dict(_PARTS, paint=_vary(rng, paint), second=second, load=_vary(rng, rng.choice(_LOAD_PAINTS)))
    scaled = tuple(length * factor for length, factor in zip(size, varied))
    return Vehicle(label, parts, scaled, varied, paints, rng.random() < 0.3)


def _bodies(rng: random.Random, kind: str) -> tuple[str, tuple, tuple[float, float, float], RGB]:
    """Label, parts, size (width, height, length) and paint of a kind."""
    if kind in CAR_SHAPES:
        shape = CAR_SHAPES[kind]
        return (
            "car",
            ((car_solid(kind), 0.0),),
            (shape.width, shape.height, shape.length),
            rng.choice(_CAR_PAINTS),
        )
    if kind == "bus":
        decks = 2 if rng.random() < 0.12 else 1
        return (
            "bus",
            ((bus_solid(decks), 0.0),),
            (2.54, 3.0 if decks == 1 else 4.1, 11.5),
            rng.choice(_BUS_PAINTS),
        )
    if kind == "truck":
        load = truck_load(rng.choice(("box", "box", "curtain", "tipper")))
        return (
            "truck",
            ((truck_cab(), 3.6), (load, -0.8)),
            (2.52, 3.5, 8.6),
            rng.choice(_BUS_PAINTS + _CAR_PAINTS[:8]),
        )
    if kind == "train":
        cars = tuple((tram_part(number != 1), 9.5 * (number - 1)) for number in range(3))
        return "train", cars, (2.52, 3.4, 28.4), rng.choice(_TRAM_PAINTS)
    if kind == "caravan":
        return "caravan", ((caravan_solid(), 0.0),), (2.1, 2.5, 4.6), (220, 220, 214)
    return "trailer", ((trailer_solid(), 0.0),), (1.7, 1.5, 2.6), (128, 130, 132)


def _vary(rng: random.Random, color: tuple[float, float, float]) -> tuple[float, float, float]:
    brighter = rng.uniform(0.85, 1.12)
    return tuple(channel * brighter for channel in color)
