"""The plan of a street: what kind it is, its lanes, pavements, crossing and where its fronts stand."""

import dataclasses
import random
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Theme:
    """A kind of street. Ranges are meters, single numbers chances; lots and fronts are weights."""

    name: str
    weight: float
    lanes: tuple[int, ...]  # choices, on each side
    sidewalk: tuple[float, float]
    setback: tuple[float, float]  # between the pavement and the front
    verge: float
    parking: float
    tram: float
    trees: float
    storeys: tuple[int, int]
    lots: Mapping[str, float]
    fronts: Mapping[str, float]
    people: tuple[int, int]


THEMES = (
    Theme("old town", 26, (1,), (1.8, 3.5), (0.0, 0.0), 0.05, 0.65, 0.36, 0.30, (3, 5),
          {"building": 82, "wall": 6, "gap": 5, "fence": 3, "court": 4},
          {"plaster": 72, "brick": 20, "block": 8}, (4, 11)),
    Theme("avenue", 24, (1, 2, 2), (2.8, 5.0), (0.0, 1.0), 0.45, 0.55, 0.60, 0.85, (4, 7),
          {"building": 80, "park": 9, "fence": 5, "wall": 3, "gap": 3},
          {"plaster": 40, "brick": 14, "block": 18, "office": 28}, (4, 11)),
    Theme("suburb", 24, (1,), (1.5, 2.4), (2.5, 6.0), 0.50, 0.50, 0.16, 0.55, (1, 3),
          {"house": 66, "hedge": 7, "fence": 9, "wall": 8, "park": 6, "gap": 4},
          {"house": 80, "block": 12, "brick": 8}, (2, 6)),
    Theme("arterial", 14, (2, 2, 3), (1.8, 3.0), (0.5, 4.0), 0.65, 0.15, 0.35, 0.60, (2, 6),
          {"building": 34, "wall": 16, "fence": 12, "park": 16, "hall": 14, "gap": 8},
          {"block": 40, "office": 36, "plaster": 24}, (1, 5)),
    Theme("works", 12, (1, 1, 2), (1.6, 2.6), (0.0, 3.0), 0.45, 0.50, 0.16, 0.35, (1, 3),
          {"hall": 38, "wall": 20, "fence": 24, "gap": 8, "building": 10},
          {"block": 40, "brick": 40, "office": 20}, (1, 4)),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of the street, distances from its middle line in meters, ascending outwards."""

    sign: int  # -1 left, 1 right
    road: float  # where the lanes end
    parking: float  # where the parking lane ends; equals `road` without one
    verge: float  # where the strip of grass ends; equals `parking` without one
    sidewalk: float  # where the pavement ends
    front: float  # where the fronts of houses stand
    marked_parking: bool  # the parking lane is set off, and labeled as parking


@dataclasses.dataclass(frozen=True)
class Lane:
    """One lane: its middle and the way it is driven, 1 away from the camera and -1 towards it."""

    s: float
    way: int


@dataclasses.dataclass(frozen=True)
class Crossing:
    """A side street between z0 and z1, on one side or both."""

    z0: float
    z1: float
    signs: tuple[int, ...]
    signals: bool


@dataclasses.dataclass(frozen=True)
class Street:
    """The plan of one street."""

    theme: Theme
    bend: float
    eye_s: float
    lane_width: float
    median: float  # half its width; 0 without one
    median_kind: str  # "none", "tram", "grass"
    lanes: tuple[Lane, ...]
    sides: Mapping[int, Side]
    crossing: Crossing | None
    end: float | None  # where a cross row of houses closes the view
    cobbles: bool

    def lots_of(self, sign: int) -> list[tuple[float, float]]:
        """The stretches (z0, z1) of a side that are not side street."""
        last = self.end or 200.0
        crossing = self.crossing
        if crossing is None or sign not in crossing.signs:
            return [(-8.0, last)]
        margin = 0.0 if self.theme.name == "old town" else 1.5
        return [(-8.0, crossing.z0 - margin - 1.5), (crossing.z1 + margin + 1.5, last)]


def sample_street(rng: random.Random) -> Street:
    """The plan of a random street."""
    theme = rng.choices(THEMES, [theme.weight for theme in THEMES])[0]
    each = rng.choice(theme.lanes)
    lane_width = rng.uniform(2.7, 3.1) if theme.name == "old town" else rng.uniform(3.0, 3.6)
    median, median_kind = 0.0, "none"
    if rng.random() < theme.tram:
        median, median_kind = 3.1, "tram"
    elif each > 1 and rng.random() < 0.4:
        median, median_kind = rng.uniform(0.6, 2.2), "grass"
    lanes = []
    for number in range(each):
        lanes.append(Lane(median + lane_width * (number + 0.5), 1))
        lanes.append(Lane(-median - lane_width * (number + 0.5), -1))
    own = rng.choice([lane for lane in lanes if lane.way == 1])
    sides = {sign: _sample_side(rng, theme, sign, median + each * lane_width) for sign in (-1, 1)}
    bend = rng.choice((0.0, 0.0, 1.0, -1.0)) * rng.uniform(0.0004, 0.0022)
    crossing = _sample_crossing(rng)
    end = rng.uniform(75, 170) if rng.random() < 0.45 else None
    if end and crossing and crossing.z1 > end - 30:
        end += 60
    return Street(
        theme=theme,
        bend=bend,
        eye_s=own.s + rng.gauss(0, 0.2),
        lane_width=lane_width,
        median=median,
        median_kind=median_kind,
        lanes=tuple(lanes),
        sides=sides,
        crossing=crossing,
        end=end,
        cobbles=theme.name == "old town" and rng.random() < 0.35,
    )


def _sample_side(rng: random.Random, theme: Theme, sign: int, road: float) -> Side:
    parking = road + (rng.uniform(2.0, 2.4) if rng.random() < theme.parking else 0.0)
    verge = parking + (rng.uniform(1.0, 2.4) if rng.random() < theme.verge else 0.0)
    sidewalk = verge + rng.uniform(*theme.sidewalk)
    front = sidewalk + rng.uniform(*theme.setback)
    return Side(sign, road, parking, verge, sidewalk, front, parking > road and rng.random() < 0.45)


def _sample_crossing(rng: random.Random) -> Crossing | None:
    if rng.random() < 0.32:
        return None
    z0 = rng.uniform(12, 55)
    return Crossing(z0, z0 + rng.uniform(7, 13), rng.choice(((-1,), (1,), (-1, 1), (-1, 1))), rng.random() < 0.55)
