"""The unlit ground of a street: strips along the street, side streets, tracks and mended asphalt."""

import math
import random
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from data.streets.canvas import Canvas
from data.streets.ground import START, Surface
from data.streets.identity import GROUND, PARKING, RAIL_TRACK, ROAD, SIDEWALK, TERRAIN
from data.streets.layout import Side, Street
from data.streets.light import RGB

FAR = 260.0  # meters, where the street ends

_ASPHALT = ((118, 118, 120), (100, 100, 104), (132, 130, 126), (92, 94, 98), (124, 120, 118))
_PAVING = ((152, 148, 142), (140, 136, 132), (164, 156, 144), (150, 138, 130), (134, 134, 136))
_GRASS = ((112, 128, 62), (98, 118, 58), (126, 130, 74), (134, 126, 84), (104, 124, 70))
_KERB, _CYCLE_PATH, _STEEL, _GRAVEL = (170, 168, 162), (150, 92, 80), (176, 178, 184), (116, 104, 94)
_STATIONS = (2.0, 3.5, 5.5, 8.0, 11.0, 15.0, 20.0, 26.0, 34.0, 44.0, 58.0, 76.0, 100.0, 135.0, 190.0)


class Patch(NamedTuple):
    """A strip of ground from s0 to s1 between two distances, in its color and with its label."""

    s0: float
    s1: float
    z0: float
    z1: float
    color: RGB
    identity: int | None


def draw_patches(canvas: Canvas, patches: Iterable[Patch]) -> None:
    """Draws strips that follow the street's bend, one over the other."""
    stations = _STATIONS if canvas.camera.bend else ()
    for s0, s1, z0, z1, color, identity in patches:
        z0 = max(z0, START)
        if z1 > z0:
            along = [z0, *(z for z in stations if z0 < z < z1), z1]
            outline = [(s0, 0.0, z) for z in along] + [(s1, 0.0, z) for z in reversed(along)]
            canvas.polygon(outline, color, identity)


def _scaled(color: RGB, part: float) -> RGB:
    return tuple(channel * part for channel in color)


class Roadway:
    """Draws the ground of one street in its own colors."""

    def __init__(self, canvas: Canvas, street: Street, rng: random.Random):
        self._canvas, self._street, self._rng = canvas, street, rng
        self._asphalt = _scaled(rng.choice(_ASPHALT), rng.uniform(0.85, 1.12))
        self._paving = _scaled(rng.choice(_PAVING), rng.uniform(0.85, 1.1))
        self._grass = _scaled(rng.choice(_GRASS), rng.uniform(0.85, 1.1))

    def draw(self) -> Surface:
        """Draws all parts of the ground and returns the ground's roughness."""
        street, rng = self._street, self._rng
        camera = self._canvas.camera
        top, bottom, right = camera.horizon - 1, camera.height + 1.0, camera.width + 1.0
        corners = ((-1.0, top), (right, top), (right, bottom), (-1.0, bottom))
        self._canvas.fill(corners, _scaled(self._paving, 0.85), GROUND)
        patches = self._around()
        for sign in (-1, 1):
            patches += self._side(street.sides[sign])
        patches += self._carriageway()
        if street.crossing:
            patches += self._side_streets()
        draw_patches(self._canvas, patches)
        if not street.cobbles:
            self._draw_repairs()
        if street.median_kind != "none":
            draw_patches(self._canvas, self._median())
        worn = rng.uniform(0.03, 0.09) if rng.random() < 0.7 else 0.0
        return Surface(rng.choice((0.4, 0.5, 0.6, 1.0)), street.lane_width, street.median, worn, street.cobbles)

    def _around(self) -> list[Patch]:
        """The ground beyond the pavements, up to the horizon."""
        patches = []
        for sign in (-1, 1):
            green = self._street.theme.name in ("suburb", "arterial") or self._rng.random() < 0.3
            color, identity = (self._grass, TERRAIN) if green else (_scaled(self._paving, 0.85), GROUND)
            start = self._street.sides[sign].parking * sign
            patches.append(Patch(start, sign * 900.0, 0.0, 2000.0, color, identity))
        return patches

    def _side(self, side: Side) -> list[Patch]:
        sign, rng, paving, patches = side.sign, self._rng, self._paving, []

        def strip(start: float, end: float, color: RGB, identity: int) -> None:
            patches.append(Patch(sign * start, sign * end, 0.0, FAR, color, identity))

        if side.front > side.sidewalk + 0.3:
            strip(side.sidewalk, side.front + 4, _scaled(self._grass, 0.95), TERRAIN)
        elif side.front > side.sidewalk:
            strip(side.sidewalk, side.front + 1, paving, SIDEWALK)
        strip(side.verge, side.sidewalk, paving, SIDEWALK)
        if side.sidewalk - side.verge > 3.2 and rng.random() < 0.4:
            strip(side.verge, side.verge + 1.3, _CYCLE_PATH, SIDEWALK)
        if side.verge > side.parking:
            strip(side.parking, side.verge, self._grass, TERRAIN)
        strip(side.parking, side.parking + 0.28, _KERB, SIDEWALK)
        strip(side.parking, side.parking + 0.12, _scaled(_KERB, 0.66), SIDEWALK)
        if side.parking > side.road:
            paved = side.marked_parking and rng.random() < 0.6
            color = _scaled(paving, 0.82) if paved else _scaled(self._asphalt, 0.95)
            strip(side.road, side.parking, color, PARKING if side.marked_parking else ROAD)
        return patches

    def _carriageway(self) -> list[Patch]:
        sides = self._street.sides
        patches = [Patch(-sides[-1].road, sides[1].road, 0.0, FAR, self._asphalt, ROAD)]
        for sign, side in sides.items():
            if side.parking == side.road:  # the gutter
                gutter = _scaled(self._asphalt, 0.86)
                patches.append(Patch(sign * (side.road - 0.3), sign * side.road, 0.0, FAR, gutter, ROAD))
        return patches

    def _side_streets(self) -> list[Patch]:
        crossing, asphalt = self._street.crossing, _scaled(self._asphalt, 0.97)
        patches = []
        for sign in crossing.signs:
            side = self._street.sides[sign]
            inner, outer = sign * (side.parking - 0.02), sign * 90.0
            for start, end in ((crossing.z0 - 2.2, crossing.z0), (crossing.z1, crossing.z1 + 2.2)):
                patches.append(Patch(inner, outer, start, end, self._paving, SIDEWALK))
            for kerb in (crossing.z0 - 0.28, crossing.z1):
                patches.append(Patch(inner, outer, kerb, kerb + 0.28, _scaled(_KERB, 0.94), SIDEWALK))
            patches.append(Patch(sign * (side.road - 0.4), outer, crossing.z0, crossing.z1, asphalt, ROAD))
        return patches

    def _median(self) -> list[Patch]:
        street, half, crossing = self._street, self._street.median, self._street.crossing
        stretches = [(0.0, FAR)] if crossing is None else [(0.0, crossing.z0 - 3), (crossing.z1 + 3, FAR)]
        if street.median_kind == "grass":
            return [
                patch
                for z0, z1 in stretches
                for patch in (
                    Patch(-half, half, z0, z1, _scaled(_KERB, 0.97), SIDEWALK),
                    Patch(-half + 0.25, half - 0.25, z0, z1, self._grass, TERRAIN),
                )
            ]
        bed = self._rng.choice((_scaled(self._asphalt, 0.92), _scaled(self._paving, 0.9), self._grass, _GRAVEL))
        patches = [Patch(-half, half, 0.0, FAR, self._asphalt, RAIL_TRACK)]
        patches += [Patch(-half + 0.15, half - 0.15, z0, z1, bed, RAIL_TRACK) for z0, z1 in stretches]
        for s in (-half / 2 - 0.72, -half / 2 + 0.72, half / 2 - 0.72, half / 2 + 0.72):
            patches.append(Patch(s - 0.13, s + 0.13, 0.0, FAR, _scaled(self._asphalt, 0.7), None))
            patches.append(Patch(s - 0.05, s + 0.05, 0.0, FAR, _STEEL, None))
        return patches

    def _draw_repairs(self) -> None:
        """Draws mended pieces of asphalt, tar joints and covers of shafts."""
        rng, asphalt = self._rng, self._asphalt
        left, right = -self._street.sides[-1].road, self._street.sides[1].road
        tone = _scaled(asphalt, rng.choice((0.74, 0.84, 1.12)))
        patches = []
        for _ in range(rng.randint(0, 5)):
            s, z = rng.uniform(left, right - 2.6), rng.uniform(3, 50)
            patches.append(Patch(s, s + rng.uniform(0.8, 2.6), z, z + rng.uniform(1.5, 12), tone, None))
        for _ in range(rng.randint(0, 2)):
            s = rng.uniform(left, right)
            patches.append(Patch(s - 0.035, s + 0.035, 0.0, FAR, _scaled(asphalt, 0.72), None))
        draw_patches(self._canvas, patches)
        for _ in range(rng.randint(1, 4)):
            s, z = rng.uniform(left + 0.6, right - 0.6), rng.uniform(4, 30)
            for radius, part in ((0.36, 0.62), (0.29, 0.84)):
                steps = [math.pi * step / 7 for step in range(14)]
                ring = [(s + radius * math.cos(step), 0.0, z + radius * math.sin(step)) for step in steps]
                self._canvas.polygon(ring, _scaled(asphalt, part))


def flat_quads(rectangles: list[tuple[float, float, float, float]]) -> np.ndarray:
    """Street points float32 [K, 4, 3] of rectangles (s0, s1, z0, z1) on the ground."""
    edges = np.array(rectangles, np.float32).reshape(-1, 4)
    points = np.zeros((len(edges), 4, 3), np.float32)
    points[:, :, 0] = edges[:, [0, 1, 1, 0]]
    points[:, :, 2] = np.maximum(edges[:, [2, 2, 3, 3]], START)
    return points
