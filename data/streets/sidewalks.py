"""People on foot, and two-wheelers that stand on the pavement."""

import math

from data.streets import people, two_wheelers
from data.streets.figures import Stand, draw_limbs, draw_wheels
from data.streets.layout import Side
from data.streets.site import Site, box, square


def fill_sidewalks(site: Site) -> None:
    """Adds people, and parked bicycles and motorcycles."""
    rng, street = site.rng, site.street
    for _ in range(rng.randint(*street.theme.people)):
        _add_group(site)
    if street.crossing:
        for _ in range(rng.choice((0, 0, 1, 2, 3, 4))):
            z = rng.choice((street.crossing.z0 - 2.7, street.crossing.z1 + 2.7)) + rng.uniform(-1, 1)
            _add_crossing_person(site, z)
    elif rng.random() < 0.25:
        _add_crossing_person(site, rng.uniform(14, 40))
    for side in street.sides.values():
        if rng.random() < 0.4:
            _park_bicycles(site, side)
        if rng.random() < 0.25:
            _park_motorcycles(site, side)


def _add_person(site: Site, s: float, z: float, turn: float, stride: float) -> None:
    rng = site.rng
    limbs = people.walker(rng, stride)
    size = rng.uniform(0.92, 1.08) * (rng.uniform(0.6, 0.8) if rng.random() < 0.08 else 1.0)
    identity = site.new_instance("person")

    def draw(sunlit: float) -> None:
        draw_limbs(site.canvas, site.light, limbs, Stand(s, z, turn, size, sunlit), identity)

    shade = box(s - 0.22, s + 0.22, 1.7 * size, z - 0.15, z + 0.15)
    site.add(z, draw, foot=(s, z), shades=(shade,), density=0.9, base=square(s, z, 0.28))


def _add_group(site: Site) -> None:
    """One to three people on one of the pavements."""
    rng = site.rng
    side = site.street.sides[rng.choice((-1, 1))]
    s = side.sign * rng.uniform(side.verge + 0.4, max(side.sidewalk - 0.3, side.verge + 0.5))
    z, turn = 7 + 50 * rng.random() ** 1.6, rng.choice((0.0, math.pi)) + rng.gauss(0, 0.25)
    stride = 0.0 if rng.random() < 0.25 else 1.0
    for number in range(rng.choices((1, 2, 3), (62, 28, 10))[0]):
        apart = number * rng.uniform(0.5, 0.7) * rng.choice((-1, 1))
        _add_person(site, s + apart, z + rng.gauss(0, 0.3), turn, stride)


def _add_crossing_person(site: Site, z: float) -> None:
    sides = site.street.sides
    s = site.rng.uniform(-sides[-1].road, sides[1].road)
    if z > 6:
        _add_person(site, s, z, site.rng.choice((-1, 1)) * math.pi / 2, 1.0)


def add_two_wheeler(site: Site, kind: str, s: float, z: float, turn: float, ridden: bool) -> None:
    """A bicycle or a motorcycle, with somebody on it where `ridden`."""
    rng, canvas, light = site.rng, site.canvas, site.light
    size, identity = rng.uniform(0.94, 1.06), site.new_instance(kind)
    rider, rider_identity = [], 0
    if kind == "bicycle":
        frame, wheels = two_wheelers.bicycle(rng), two_wheelers.BICYCLE_WHEELS
    else:
        frame, wheels = two_wheelers.motorcycle(rng), two_wheelers.MOTORCYCLE_WHEELS
    if ridden:
        seat, bars = (0.86, (1.03, 0.22)) if kind == "bicycle" else (0.80, (1.04, 0.30))
        helmet = kind == "motorcycle" or rng.random() < 0.45
        rider = people.rider(rng, seat, bars, rng.uniform(0.4, 1.0), helmet)
        rider_identity = site.new_instance("rider")

    def draw(sunlit: float) -> None:
        stand = Stand(s, z, turn, size, sunlit)
        draw_wheels(canvas, light, wheels, stand, identity)
        draw_limbs(canvas, light, frame, stand, identity)
        if rider:
            draw_limbs(canvas, light, rider, stand, rider_identity)

    x, ahead = math.sin(turn), math.cos(turn)
    shade = [(s + x * a, y, z + ahead * a) for a in (-0.8, 0.8) for y in (0.0, 0.9)]
    shade += [(s + out, 1.7 if ridden else 1.0, z) for out in (-0.25, 0.25)]
    base = [(s + x * a + out, z + ahead * a) for a in (-0.8, 0.8) for out in (-0.12, 0.12)]
    site.add(z, draw, foot=(s, z), shades=(shade,), density=0.8, base=base)


def _park_bicycles(site: Site, side: Side) -> None:
    """Bicycles along a wall, or side by side at the kerb."""
    rng, z = site.rng, site.rng.uniform(7, 30)
    if not site.is_free(side.sign, z, 5.0):
        return
    if rng.random() < 0.5:
        for number in range(rng.randint(1, 3)):
            turn = rng.choice((0.0, math.pi)) + rng.gauss(0, 0.06)
            add_two_wheeler(site, "bicycle", side.sign * (side.sidewalk - 0.35), z + 2.1 * number, turn, ridden=False)
    else:
        for number in range(rng.randint(2, 4)):
            turn = side.sign * math.pi / 2 + rng.gauss(0, 0.1)
            add_two_wheeler(site, "bicycle", side.sign * (side.verge + 1.0), z + 0.62 * number, turn, ridden=False)


def _park_motorcycles(site: Site, side: Side) -> None:
    rng, z = site.rng, site.rng.uniform(7, 24)
    askew = rng.random() < 0.6
    for number in range(rng.choice((1, 1, 2, 3))):
        turn = side.sign * rng.uniform(0.6, 1.6) if askew else rng.gauss(0, 0.1)
        if site.is_free(side.sign, z + 1.1 * number, 5.0):
            s = side.sign * (side.verge + 0.7)
            add_two_wheeler(site, "motorcycle", s, z + 1.1 * number, turn, ridden=False)
