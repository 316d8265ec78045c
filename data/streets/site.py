"""A street under construction: its plan, its light, and the items to draw, far ones first."""

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
    """`draw(sunlit)` draws the item; items are ordered by `z`. The other fields describe its shadow on the ground."""

    z: float
    draw: Callable[[float], None]
    foot: tuple[float, float] | None = None  # (s, z) at which sunlight on the item is sampled
    shades: Sequence[Sequence[Point]] = ()  # street points whose convex hulls cast the shadow
    density: float = 1.0  # share of the sun that the hulls block
    base: Sequence[tuple[float, float]] = ()  # corners (s, z) of the dimmed ground below
    large: bool = False  # the shadow also falls on other items


@dataclasses.dataclass
class Site:
    """One street with the items placed so far."""

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
        """Appends a thin upright item."""
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
