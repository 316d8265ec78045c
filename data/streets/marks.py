"""Marks painted on the road: lane lines, parking bays, crosswalks, stop lines and arrows."""

import random

from data.streets.canvas import Canvas
from data.streets.layout import Side, Street
from data.streets.light import RGB
from data.streets.roadway import Patch, draw_patches, flat_quads

_WHITE = (214, 214, 208)
_LAST = 160.0  # meters; marks farther away cannot be seen


def _steps(start: float, end: float, step: float) -> list[float]:
    return [start + step * number for number in range(max(0, int((end - start) / step) + 1))]


class Marks:
    """Collects the marks of one street, then draws them."""

    def __init__(self, canvas: Canvas, street: Street, rng: random.Random):
        self._canvas, self._street, self._rng = canvas, street, rng
        fresh = rng.uniform(0.82, 1.08)
        self._white: RGB = tuple(part * fresh for part in _WHITE)
        crossing = street.crossing
        self._free = [(0.0, _LAST)]
        if crossing:
            self._free = [(0.0, crossing.z0 - 5.5), (crossing.z1 + 5.5, _LAST)]
        self._rectangles: list[tuple[float, float, float, float]] = []
        self._lines: list[Patch] = []

    def draw(self) -> None:
        """Draws everything that this street has."""
        street, rng = self._street, self._rng
        quiet = street.theme.name in ("suburb", "old town") and rng.random() < 0.35
        if not street.cobbles and not quiet:
            self._mark_lanes()
        for side in street.sides.values():
            if side.marked_parking:
                self._mark_bays(side)
        draw_patches(self._canvas, self._lines)
        self._canvas.polygons(flat_quads(self._rectangles), self._white)
        if street.crossing and not street.cobbles:
            self._draw_crosswalks()
            self._draw_arrows()

    def _dashes(self, s: float, length: float, gap: float, width: float = 0.13) -> None:
        for start, end in self._free:
            for z in _steps(start + self._rng.uniform(0, 2), end - length, length + gap):
                self._rectangles.append((s - width / 2, s + width / 2, z, z + length))

    def _solid(self, s: float, width: float = 0.13) -> None:
        self._lines += [Patch(s - width / 2, s + width / 2, z0, z1, self._white, None) for z0, z1 in self._free]

    def _mark_lanes(self) -> None:
        street, rng = self._street, self._rng
        each = len(street.lanes) // 2
        for sign, side in street.sides.items():
            for number in range(1, each):
                self._dashes(sign * (street.median + number * street.lane_width), 3.0, rng.choice((3.0, 6.0)))
            if side.parking > side.road and not side.marked_parking:
                self._dashes(sign * side.road, 1.0, 1.0, 0.1)
            elif rng.random() < 0.45:
                self._solid(sign * (side.road - 0.45))
        if street.median_kind != "none":
            self._solid(street.median + 0.12)
            self._solid(-street.median - 0.12)
        elif each > 1 or rng.random() < 0.3:
            self._solid(-0.12)
            self._solid(0.12)
        else:
            self._dashes(0.0, 3.0, rng.choice((3.0, 4.5, 6.0)))

    def _mark_bays(self, side: Side) -> None:
        crossing = self._street.crossing
        self._solid(side.sign * side.road, 0.12)
        for z in _steps(self._rng.uniform(0, 5), 70, 5.4):
            if not (crossing and side.sign in crossing.signs and crossing.z0 - 1 < z < crossing.z1 + 1):
                s0, s1 = sorted((side.sign * (side.road + 0.1), side.sign * side.parking))
                self._rectangles.append((s0, s1, z, z + 0.12))

    def _draw_crosswalks(self) -> None:
        street, crossing = self._street, self._street.crossing
        left, right = -street.sides[-1].road, street.sides[1].road
        stop = crossing.z0 - 5.2
        stripes = [(street.median + 0.2, right - 0.2, stop, stop + 0.45)]
        if self._rng.random() < 0.75:
            for z0 in (crossing.z0 - 4.2, crossing.z1 + 1.2):
                stripes += [(s, s + 0.5, z0, z0 + 3.0) for s in _steps(left + 0.3, right - 0.9, 1.0)]
        for sign in crossing.signs:
            s0, s1 = sorted(sign * (street.sides[sign].parking + out) for out in (1.5, 4.1))
            stripes += [(s0, s1, z, z + 0.5) for z in _steps(crossing.z0 + 0.4, crossing.z1 - 0.9, 1.0)]
        self._canvas.polygons(flat_quads(stripes), self._white)

    def _draw_arrows(self) -> None:
        z = self._street.crossing.z0 - 12.0
        if z < 4 or (len(self._street.lanes) == 2 and self._rng.random() < 0.6):
            return
        for lane in self._street.lanes:
            if lane.way == 1:
                self._draw_arrow(lane.s, z, self._rng.choice((0, 0, 1, -1)))

    def _draw_arrow(self, s: float, z: float, way: int) -> None:
        """An arrow ahead (`way` 0), to the left (-1) or to the right (1)."""
        if way == 0:
            outline = (
                (-0.08, 0.0),
                (0.08, 0.0),
                (0.08, 2.6),
                (0.36, 2.6),
                (0.0, 4.4),
                (-0.36, 2.6),
                (-0.08, 2.6),
            )
        else:
            outline = (
                (-0.08, 0.0), (0.08, 0.0), (0.08, 1.9), (0.5, 1.9), (0.5, 1.3), (1.2, 2.15), (0.5, 3.0),
                (0.5, 2.4), (-0.08, 2.4),
            )  # fmt: skip
        self._canvas.polygon([(s + (way or 1) * x, 0.0, z + ahead) for x, ahead in outline], self._white)
