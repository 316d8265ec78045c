"""A street while it fills: its plan, its light, and the things that wait to be drawn, far ones first."""

import collections
import dataclasses
import random
from collections.abc import Callable, Sequence

from data.streets.canvas import Canvas, Point
from data.streets.identity import INSTANCES_PER_LABEL, label_id
from data.streets.layout import Street
from data.streets.light import Light


@dataclasses.dataclass(frozen=True)
class Item:
    """`draw(sunlit)` draws it; `z` orders it. What it does to the ground's light is in the other fields."""

    z: float
    draw: Callable[[float], None]
    foot: tuple[float, float] | None = None  # (s, z) where it is asked whether the sun reaches it
    shades: Sequence[Sequence[Point]] = ()  # street points; their convex hulls keep the sun off
    density: float = 1.0  # how much of the sun they keep off
    base: Sequence[tuple[float, float]] = ()  # corners (s, z) of the ground under it, which is dim
    large: bool = False  # its shadow falls on other things too


@dataclasses.dataclass
class Site:
    """One street with what stands on it so far."""

    canvas: Canvas
    light: Light
    rng: random.Random
    street: Street
    items: list[Item] = dataclasses.field(default_factory=list)
    _instances: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    def add(self, z: float, draw: Callable[[float], None], **shadow) -> None:
        """Appends an `Item`."""
        self.items.append(Item(z, draw, **shadow))

    def add_post(self, s: float, z: float, height: float, draw: Callable[[float], None]) -> None:
        """Appends something thin and upright."""
        shade = box(s - 0.06, s + 0.06, height, z - 0.05, z + 0.05)
        self.add(z, draw, foot=(s, z), shades=(shade,), density=0.85, base=square(s, z, 0.18))

    def new_instance(self, name: str) -> int:
        """The number of one more instance of a label: 26000 is the first car of a scene, 26001 the second."""
        number = label_id(name) * INSTANCES_PER_LABEL + self._instances[name]
        self._instances[name] += 1
        return number

    def is_free(self, sign: int, z: float, margin: float = 2.5) -> bool:
        """Whether no side street opens at z on this side of the street, within a margin of meters."""
        crossing = self.street.crossing
        return crossing is None or sign not in crossing.signs or not crossing.z0 - margin < z < crossing.z1 + margin


def box(s0: float, s1: float, height: float, z0: float, z1: float) -> list[Point]:
    """The corners of an upright box that stands on the ground."""
    low = [(s0, 0.0, z0), (s1, 0.0, z0), (s1, 0.0, z1), (s0, 0.0, z1)]
    return low + [(s0, height, z0), (s1, height, z0), (s1, height, z1), (s0, height, z1)]


def square(s: float, z: float, half: float) -> tuple[tuple[float, float], ...]:
    """The corners (s, z) of a square on the ground."""
    return ((s - half, z - half), (s + half, z - half), (s + half, z + half), (s - half, z + half))
