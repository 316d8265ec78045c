"""The bodies of buses, trucks, trams, caravans and trailers."""

import functools

from data.streets.cars import wheels
from data.streets.solids import Face, Point, Solid, box, quad_part


def _sides(x: float, y: tuple[float, float], z: tuple[float, float]) -> dict[str, tuple[Point, ...]]:
    """The corners of a box's four upright faces, lower left first as seen from outside."""
    (low, high), (back, front) = y, z
    return {
        "rear": ((-x, low, back), (x, low, back), (x, high, back), (-x, high, back)),
        "front": ((x, low, front), (-x, low, front), (-x, high, front), (x, high, front)),
        "left": ((-x, low, front), (-x, low, back), (-x, high, back), (-x, high, front)),
        "right": ((x, low, back), (x, low, front), (x, high, front), (x, high, back)),
    }


def _panes(corners: tuple[Point, ...], count: int, low: float, high: float, start: float, end: float) -> list[Face]:
    """A dark band of windows with `count` panes between `start` and `end` of a face."""
    faces = [Face(quad_part(corners, start, end, low, high), "gap", 2)]
    step = (end - start) / count
    middle = low + 0.55 * (high - low)
    for index in range(count):
        left, right = start + step * (index + 0.05), start + step * (index + 0.95)
        faces.append(Face(quad_part(corners, left, right, low + 0.01, high - 0.01), "glass", 3))
        faces.append(Face(quad_part(corners, left, right, middle, high - 0.01), "reflection", 4))
    return faces


@functools.cache
def bus_solid(decks: int = 1) -> Solid:
    """A town bus, 11.5 m long, with one or two decks."""
    half, height, back, front = 1.27, 3.0 if decks == 1 else 4.1, -5.75, 5.75
    faces = box((-half, half), (0.32, height), (back, front), "paint")
    sides = _sides(half, (0.32, height), (back, front))
    bands = ((0.34, 0.80),) if decks == 1 else ((0.22, 0.48), (0.60, 0.86))
    for name in ("left", "right"):
        faces.append(Face(quad_part(sides[name], 0.0, 1.0, 0.0, 0.12), "second", 1, 0.9))
        faces.append(Face(quad_part(sides[name], 0.0, 1.0, bands[-1][1] + 0.04, 1.0), "second", 1))
        for low, high in bands:
            faces += _panes(sides[name], 8, low, high, 0.02, 0.98)
    for start in (0.10, 0.46, 0.86):
        faces.append(Face(quad_part(sides["right"], start, start + 0.10, 0.02, bands[0][1]), "dark", 5))
        for leaf in (start + 0.006, start + 0.053):
            faces.append(Face(quad_part(sides["right"], leaf, leaf + 0.041, 0.05, bands[0][1] - 0.02), "glass", 6))
    faces += _bus_front(sides["front"], decks) + _bus_rear(sides["rear"])
    for side in (-1, 1):
        inner, outer = sorted((side * (half + 0.05), side * (half + 0.28)))
        faces += box((inner, outer), (2.0, 2.45), (front - 0.02, front + 0.12), "dark")
    return Solid(faces + wheels((-2.6, 3.2), half, 0.48), (0.0, 1.6, 0.0))


def _bus_front(front: tuple[Point, ...], decks: int) -> list[Face]:
    """Two wind screens with wipers, the sign with line and destination above, lamps and a bumper below."""
    low, high, sign = (0.27, 0.82, 0.85) if decks == 1 else (0.20, 0.46, 0.49)
    faces = [
        Face(quad_part(front, 0.0, 1.0, 0.0, 0.10), "second", 1, 0.9),
        Face(quad_part(front, 0.02, 0.98, low - 0.03, sign + 0.13), "gap", 2),
        Face(quad_part(front, 0.16, 0.60, sign + 0.02, sign + 0.10), "display", 3),
        Face(quad_part(front, 0.66, 0.84, sign + 0.02, sign + 0.10), "display", 3),
        Face(quad_part(front, 0.30, 0.70, 0.115, 0.135), "dark", 2),
        Face(quad_part(front, 0.30, 0.70, 0.15, 0.17), "dark", 2),
        Face(quad_part(front, 0.41, 0.59, 0.03, 0.075), "plate", 2),
    ]
    for left, right in ((0.04, 0.495), (0.505, 0.96)):
        faces.append(Face(quad_part(front, left, right, low, high), "glass", 3))
        faces.append(Face(quad_part(front, left, right, low + 0.58 * (high - low), high), "reflection", 4))
        faces.append(Face(quad_part(front, left + 0.05, right - 0.08, low + 0.015, low + 0.03), "gap", 5))
        if decks == 2:
            faces.append(Face(quad_part(front, left, right, 0.66, 0.90), "glass", 3))
            faces.append(Face(quad_part(front, left, right, 0.80, 0.90), "reflection", 4))
    for left, right in ((0.04, 0.17), (0.83, 0.96)):
        faces.append(Face(quad_part(front, left - 0.01, right + 0.01, 0.105, 0.195), "dark", 2))
        faces.append(Face(quad_part(front, left, right, 0.12, 0.18), "head", 3))
    return faces


def _bus_rear(rear: tuple[Point, ...]) -> list[Face]:
    """A window, the number of the line, the grille of the engine and lamps."""
    faces = [
        Face(quad_part(rear, 0.0, 1.0, 0.0, 0.10), "second", 1, 0.9),
        Face(quad_part(rear, 0.08, 0.92, 0.54, 0.84), "glass", 2),
        Face(quad_part(rear, 0.08, 0.92, 0.72, 0.84), "reflection", 3),
        Face(quad_part(rear, 0.66, 0.86, 0.865, 0.945), "gap", 2),
        Face(quad_part(rear, 0.70, 0.82, 0.88, 0.93), "display", 3),
        Face(quad_part(rear, 0.20, 0.80, 0.16, 0.44), "dark", 2),
        Face(quad_part(rear, 0.41, 0.59, 0.03, 0.075), "plate", 2),
    ]
    for row in range(4):
        faces.append(Face(quad_part(rear, 0.24, 0.76, 0.20 + 0.06 * row, 0.22 + 0.06 * row), "gap", 3))
    for left in (0.03, 0.88):
        faces.append(Face(quad_part(rear, left, left + 0.09, 0.16, 0.34), "tail", 2))
        faces.append(Face(quad_part(rear, left, left + 0.09, 0.36, 0.41), "blinker", 2))
    return faces


@functools.cache
def truck_cab() -> Solid:
    """A truck's cab, 2.1 m long, its front at z = 1.05."""
    half, back, front = 1.22, -1.05, 1.05
    faces = box((-half, half), (0.45, 2.75), (back, front), "paint")
    sides = _sides(half, (0.45, 2.75), (back, front))
    nose = sides["front"]
    faces += [
        Face(quad_part(nose, 0.06, 0.94, 0.50, 0.86), "glass", 1),
        Face(quad_part(nose, 0.06, 0.94, 0.70, 0.86), "reflection", 2),
        Face(quad_part(nose, 0.10, 0.90, 0.46, 0.50), "gap", 1),
        Face(quad_part(nose, 0.18, 0.82, 0.18, 0.42), "dark", 1),
        Face(quad_part(nose, 0.18, 0.82, 0.24, 0.255), "chrome", 2),
        Face(quad_part(nose, 0.18, 0.82, 0.33, 0.345), "chrome", 2),
        Face(quad_part(nose, 0.10, 0.90, 0.89, 0.96), "paint", 1, 0.8),
        Face(quad_part(nose, 0.0, 1.0, 0.0, 0.14), "dark", 1),
        Face(quad_part(nose, 0.40, 0.60, 0.03, 0.10), "plate", 2),
    ]
    for left, right in ((0.04, 0.20), (0.80, 0.96)):
        faces.append(Face(quad_part(nose, left, right, 0.05, 0.13), "head", 2))
    for name, start in (("left", 0.10), ("right", 0.36)):
        faces.append(Face(quad_part(sides[name], start, start + 0.54, 0.48, 0.84), "glass", 1))
        faces.append(Face(quad_part(sides[name], start, start + 0.54, 0.68, 0.84), "reflection", 2))
        faces.append(Face(quad_part(sides[name], 0.0, 1.0, 0.0, 0.12), "dark", 1))
    for side in (-1, 1):
        inner, outer = sorted((side * (half + 0.04), side * (half + 0.24)))
        faces += box((inner, outer), (1.6, 2.3), (0.75, 0.85), "dark")
    return Solid(faces + wheels((0.0,), half, 0.48), (0.0, 1.5, 0.0))


@functools.cache
def truck_load(kind: str) -> Solid:
    """What a truck carries behind its cab, 6.4 m long: a "box", a "curtain" or a "tipper"."""
    half, back, front = 1.26, -3.2, 3.2
    top = 2.2 if kind == "tipper" else 3.7
    faces = box((-half, half), (0.95, top), (back, front), "load", "gray")
    sides = _sides(half, (0.95, top), (back, front))
    faces += box((-half + 0.1, half - 0.1), (0.55, 0.95), (back + 0.05, front), "gap")[:4]
    rear = sides["rear"]
    if kind == "box":
        for name in ("left", "right"):
            faces.append(Face(quad_part(sides[name], 0.15, 0.85, 0.45, 0.75), "second", 1))
        faces.append(Face(quad_part(rear, 0.495, 0.505, 0.02, 0.98), "gap", 1))
        for x in (0.2, 0.4, 0.6, 0.8):
            faces.append(Face(quad_part(rear, x - 0.008, x + 0.008, 0.03, 0.97), "chrome", 1))
    else:
        count = 7 if kind == "curtain" else 9
        for name in ("left", "right"):
            for index in range(1, count):
                edge = index / count
                faces.append(Face(quad_part(sides[name], edge - 0.008, edge + 0.008, 0.0, 1.0), "load", 1, 0.7))
        faces.append(Face(quad_part(rear, 0.04, 0.96, 0.05, 0.95), "load", 1, 0.86))
        faces.append(Face(quad_part(rear, 0.49, 0.51, 0.05, 0.95), "gap", 2))
    bumper = _sides(half, (0.5, 0.92), (back - 0.02, front))["rear"]
    faces.append(Face(bumper, "dark", 1, outline=True))
    for left, right in ((0.03, 0.17), (0.83, 0.97)):
        faces.append(Face(quad_part(bumper, left, right, 0.3, 0.8), "tail", 2))
    faces.append(Face(quad_part(bumper, 0.4, 0.6, 0.2, 0.7), "plate", 2))
    return Solid(faces + wheels((-2.0, -0.9), half, 0.48), (0.0, 1.9, 0.0))


@functools.cache
def tram_part(with_cab: bool) -> Solid:
    """One car of a tram, 9.4 m long; `with_cab` has a wind screen and lamps at its front and back."""
    half, height, back, front = 1.26, 3.35, -4.7, 4.7
    taper = 0.28 if with_cab else 0.0
    low, high = 0.22, height
    faces = box((-half, half), (low, high), (back, front), "paint", "gray")[2:]
    for z, lean in ((back, taper), (front, -taper)):
        mask = ((-half, low, z), (half, low, z), (half, high, z + lean), (-half, high, z + lean))
        faces.append(Face(mask, "paint" if with_cab else "gap"))
        if with_cab:
            faces += [
                Face(quad_part(mask, 0.05, 0.95, 0.34, 0.80), "glass", 1),
                Face(quad_part(mask, 0.05, 0.95, 0.60, 0.80), "reflection", 2),
                Face(quad_part(mask, 0.12, 0.88, 0.83, 0.96), "gap", 1),
                Face(quad_part(mask, 0.24, 0.76, 0.86, 0.93), "display", 2),
                Face(quad_part(mask, 0.0, 1.0, 0.0, 0.14), "second", 1),
                Face(quad_part(mask, 0.08, 0.22, 0.18, 0.25), "head", 2),
                Face(quad_part(mask, 0.78, 0.92, 0.18, 0.25), "head", 2),
            ]
    sides = _sides(half, (low, high), (back, front))
    for name in ("left", "right"):
        faces.append(Face(quad_part(sides[name], 0.0, 1.0, 0.0, 0.14), "second", 1))
        faces.append(Face(quad_part(sides[name], 0.0, 1.0, 0.86, 0.92), "second", 1))
        faces += _panes(sides[name], 6, 0.38, 0.80, 0.03, 0.97)
        for start in (0.20, 0.66):
            faces.append(Face(quad_part(sides[name], start, start + 0.14, 0.03, 0.80), "second", 5))
            for leaf in (start + 0.01, start + 0.075):
                faces.append(Face(quad_part(sides[name], leaf, leaf + 0.055, 0.10, 0.77), "glass", 6))
    faces += box((-half + 0.1, half - 0.1), (0.02, low), (back + 0.5, front - 0.5), "gap")[:4]
    faces += box((-0.6, 0.6), (height, height + 0.28), (-2.5, 2.0), "gray")
    return Solid(faces, (0.0, 1.6, 0.0))


@functools.cache
def caravan_solid() -> Solid:
    """A caravan, 4.6 m long."""
    half = 1.05
    faces = box((-half, half), (0.45, 2.5), (-2.3, 2.3), "load")
    sides = _sides(half, (0.45, 2.5), (-2.3, 2.3))
    for name in ("left", "right"):
        faces.append(Face(quad_part(sides[name], 0.0, 1.0, 0.18, 0.28), "second", 1))
        for start, end in ((0.12, 0.36), (0.58, 0.82)):
            faces.append(Face(quad_part(sides[name], start, end, 0.45, 0.75), "glass", 1))
    for name in ("rear", "front"):
        faces.append(Face(quad_part(sides[name], 0.14, 0.86, 0.48, 0.78), "glass", 1))
    for left, right in ((0.05, 0.16), (0.84, 0.95)):
        faces.append(Face(quad_part(sides["rear"], left, right, 0.06, 0.22), "tail", 1))
    return Solid(faces + wheels((0.0,), half, 0.32), (0.0, 1.4, 0.0))


@functools.cache
def trailer_solid() -> Solid:
    """A small open trailer with a tarpaulin, 2.6 m long."""
    half = 0.85
    faces = box((-half, half), (0.5, 0.95), (-1.3, 1.3), "gray")
    faces += box((-half, half), (0.95, 1.5), (-1.3, 1.3), "load")
    rear = _sides(half, (0.5, 0.95), (-1.31, 1.3))["rear"]
    for left, right in ((0.03, 0.16), (0.84, 0.97)):
        faces.append(Face(quad_part(rear, left, right, 0.2, 0.7), "tail", 1))
    return Solid(faces + wheels((0.0,), half, 0.3), (0.0, 0.9, 0.0))
