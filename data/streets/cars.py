"""The bodies of passenger cars and vans."""

import dataclasses
import functools

from data.streets.solids import Face, Point, Solid, box, disc, quad_part

Section = tuple[float, float, float]  # a point of the side view: z, y, and half the body's width there


@dataclasses.dataclass(frozen=True)
class CarShape:
    """The side view of a car in meters; z counts ahead from its middle."""

    length: float
    width: float
    height: float
    belt: float  # height where the windows begin
    nose: float  # height of the bonnet's front end
    rear_glass: tuple[float, float]  # z of the rear window's lower and upper edge
    wind_screen: tuple[float, float]  # z of the wind screen's lower and upper edge
    wheel: float = 0.33
    windows: tuple[tuple[float, float], ...] = ((0.05, 0.33), (0.36, 0.64), (0.67, 0.96))  # parts of the side


CAR_SHAPES = {
    "hatchback": CarShape(4.1, 1.78, 1.49, 0.98, 0.76, (-1.93, -1.40), (1.15, 0.36)),
    "saloon": CarShape(4.7, 1.82, 1.45, 0.97, 0.74, (-1.72, -0.98), (1.12, 0.30)),
    "estate": CarShape(4.7, 1.82, 1.49, 0.97, 0.74, (-2.24, -1.80), (1.16, 0.34)),
    "small": CarShape(3.6, 1.66, 1.52, 0.98, 0.80, (-1.70, -1.30), (1.16, 0.48), 0.31, ((0.07, 0.46), (0.50, 0.95))),
    "suv": CarShape(4.6, 1.90, 1.70, 1.12, 0.95, (-2.16, -1.70), (1.10, 0.40), 0.38),
    "van": CarShape(5.0, 1.95, 2.05, 1.18, 0.98, (-2.43, -2.33), (1.80, 1.04), 0.35, ((0.66, 0.95),)),
    "minibus": CarShape(4.9, 1.92, 1.96, 1.14, 0.96, (-2.38, -2.24), (1.80, 1.10), 0.35),
}


@functools.cache
def car_solid(kind: str) -> Solid:
    """The body of a passenger car or a van, one of CAR_SHAPES."""
    shape = CAR_SHAPES[kind]
    axle = 0.31 * shape.length
    faces = _lower_body(shape) + _upper_body(shape)
    faces += wheels((-axle, axle), shape.width / 2, shape.wheel)
    faces += _rear_details(shape) + _front_details(shape)
    return Solid(faces, (0.0, 0.75, 0.0))


def wheels(axles: tuple[float, ...], half_width: float, radius: float) -> list[Face]:
    """Wheels at both sides of a vehicle whose axles stand at these z."""
    faces = []
    for z in axles:
        for side in (-1, 1):
            x = side * (half_width + 0.01)
            faces += [
                disc(x, radius + 0.03, z, radius + 0.07, "gap", 3),
                disc(x, radius, z, radius, "tyre", 4, outline=True),
                disc(x, radius, z, radius * 0.70, "rim", 5),
                disc(x, radius, z, radius * 0.60, "rim", 6, tone=0.72),
                disc(x, radius, z, radius * 0.22, "dark", 7),
            ]
            inner, outer = sorted((side * (half_width - 0.24), side * (half_width - 0.02)))
            reach = 0.9 * radius
            faces += box((inner, outer), (0.0, radius * 1.4), (z - reach, z + reach), "tyre")[:2]
    if len(axles) > 1:
        inside = half_width - 0.25
        faces += box((-inside, inside), (0.16, 0.42), (axles[0], axles[-1]), "gap")[:2]
    return faces


def _across(low: Section, high: Section) -> tuple[Point, ...]:
    """The face across the body between two points of its side view, lower left corner first from behind."""
    (z0, y0, w0), (z1, y1, w1) = low, high
    return ((-w0, y0, z0), (w0, y0, z0), (w1, y1, z1), (-w1, y1, z1))


def _band(profile: tuple[Section, ...], tones: tuple[float, ...]) -> list[Face]:
    """The faces across the body along its side view."""
    pairs = zip(profile, profile[1:])
    return [Face(_across(low, high), "paint", 0, tone) for (low, high), tone in zip(pairs, tones)]


def _upright(x: float, z0: float, z1: float, y0: float, y1: float) -> tuple[Point, ...]:
    """A rectangle in a plane across x."""
    return ((x, y0, z0), (x, y0, z1), (x, y1, z1), (x, y1, z0))


def _lower_body(shape: CarShape) -> list[Face]:
    front, back, half = shape.length / 2, -shape.length / 2, shape.width / 2
    belt, nose, (screen_low, screen_high) = shape.belt, shape.nose, shape.wind_screen
    profile = (  # around the body from below the tail over the top to below the nose
        (back + 0.14, 0.22, half - 0.14),
        (back + 0.02, 0.40, half - 0.07),
        (back, 0.58, half - 0.04),
        (back + 0.05, 0.80, half - 0.05),
        (back + 0.16, belt - 0.02, half - 0.10),
        (shape.rear_glass[0], belt, half - 0.07),
        (screen_low, belt - 0.01, half - 0.07),
        (0.5 * (screen_low + front) - 0.05, 0.6 * belt + 0.4 * nose + 0.03, half - 0.09),
        (front - 0.30, nose + 0.02, half - 0.14),
        (front - 0.06, nose - 0.12, half - 0.20),
        (front, 0.52, half - 0.20),
        (front - 0.03, 0.36, half - 0.20),
        (front - 0.14, 0.20, half - 0.24),
    )
    faces = _band(profile, (0.55, 0.85, 1.0, 1.08, 1.18, 1.0, 1.14, 1.2, 1.12, 0.95, 0.85, 0.55))
    for side in (-1, 1):
        faces.append(Face(tuple((side * w, y, z) for z, y, w in profile), "paint"))
        shoulder = tuple((side * (w + 0.005), y, z) for z, y, w in profile if y <= 0.64)
        faces.append(Face(shoulder, "paint", 1, 0.80))
        faces.append(Face(_upright(side * (half - 0.06), back + 0.25, front - 0.25, 0.22, 0.31), "dark", 2))
        x = side * (half - 0.05)
        for seam in (screen_low - 0.25, 0.5 * (screen_low + screen_high) - 1.0):
            faces.append(Face(_upright(x, seam, seam + 0.02, 0.34, belt), "paint", 4, 0.55))
            faces.append(Face(_upright(x, seam - 0.3, seam - 0.12, belt - 0.16, belt - 0.13), "dark", 4))
    return faces


def _upper_body(shape: CarShape) -> list[Face]:
    belt, roof, half = shape.belt, shape.height, shape.width / 2
    tall, eaves = roof > 1.8, roof - 0.09
    low, edge, high = half - 0.07, half - (0.12 if tall else 0.22), half - (0.22 if tall else 0.34)
    (rear_low, rear_high), (screen_low, screen_high) = shape.rear_glass, shape.wind_screen
    profile = (
        (rear_low, belt, low),
        (rear_high, eaves, edge),
        (rear_high + 0.30, roof, high),
        (screen_high - 0.45, roof, high),
        (screen_high, eaves, edge),
        (screen_low, belt, low),
    )
    faces = _band(profile, (1.0, 1.14, 1.1, 1.14, 1.0))
    rear, screen = _across(profile[0], profile[1]), _across(profile[5], profile[4])
    for pane, tone in ((rear, 1.0), (screen, 1.12)):
        faces.append(Face(quad_part(pane, 0.06, 0.94, 0.05, 0.93), "glass", 1, tone))
        faces.append(Face(quad_part(pane, 0.06, 0.94, 0.50, 0.93), "reflection", 2, tone))
    for side in (-1, 1):
        faces.append(Face(tuple((side * w, y, z) for z, y, w in profile), "paint", 0, 0.96))
        low_edge = ((side * low, belt, rear_low), (side * low, belt, screen_low))
        flank = (*low_edge, (side * edge, eaves, screen_high), (side * edge, eaves, rear_high))
        for start, end in shape.windows:
            faces.append(Face(quad_part(flank, start, end, 0.07, 0.95), "glass", 1))
            faces.append(Face(quad_part(flank, start, end, 0.55, 0.95), "reflection", 2))
        inner, outer = sorted((side * (half - 0.04), side * (half + 0.14)))
        faces += box((inner, outer), (belt, belt + 0.13), (screen_low - 0.46, screen_low - 0.36), "paint")
    return faces


def _rear_details(shape: CarShape) -> list[Face]:
    half, back = shape.width / 2, -shape.length / 2
    tail = _across((back, 0.24, half - 0.06), (back + 0.10, shape.belt, half - 0.09))
    width, bottom, top = (0.08, 0.42, 0.94) if shape.height > 1.8 else (0.23, 0.58, 0.86)
    faces = [
        Face(quad_part(tail, 0.02, 0.98, 0.0, 0.20), "dark", 2),
        Face(quad_part(tail, 0.35, 0.65, 0.34, 0.48), "plate", 3),
        Face(quad_part(tail, 0.0, 1.0, 0.26, 0.285), "paint", 2, 0.7),
    ]
    for left in (0.01, 0.99 - width):
        faces.append(Face(quad_part(tail, left, left + width, bottom, top), "tail", 3))
        faces.append(Face(quad_part(tail, left, left + width, bottom, bottom + 0.07), "tail", 4, 0.6))
    return faces


def _front_details(shape: CarShape) -> list[Face]:
    half, front = shape.width / 2 - 0.17, shape.length / 2
    nose = _across((front, 0.22, half), (front - 0.12, shape.nose, half))
    faces = [
        Face(quad_part(nose, 0.10, 0.90, 0.02, 0.26), "dark", 2),
        Face(quad_part(nose, 0.24, 0.76, 0.54, 0.86), "dark", 2),
        Face(quad_part(nose, 0.25, 0.75, 0.68, 0.73), "chrome", 3),
        Face(quad_part(nose, 0.35, 0.65, 0.32, 0.48), "plate", 3),
    ]
    for left, right in ((-0.03, 0.22), (0.78, 1.03)):
        faces.append(Face(quad_part(nose, left, right, 0.62, 0.90), "head", 3))
    return faces
