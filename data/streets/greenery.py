"""Where trees, bushes and hedges stand, and the shadows of their crowns."""

import math

from data.streets import plants
from data.streets.canvas import Point
from data.streets.layout import Side
from data.streets.site import Site, box

_FAR = 80.0  # meters; beyond, plants are fewer
_NEAREST = 2.5  # meters; plants nearer than this are not seen
_REACH = {"round": 0.32, "tall": 0.15, "conifer": 0.2}  # of a crown, as part of the tree's height
_BALL = [(math.cos(a) * 0.9, math.copysign(0.4, math.sin(2.5 * a)), math.sin(a) * 0.9) for a in range(6)]


def add_tree(site: Site, s: float, z: float, height: float, shape: str) -> None:
    """A tree at the street point (s, z)."""
    rng = site.rng
    reach = height * _REACH[shape]
    shades: list[list[Point]] = [box(s - 0.12, s + 0.12, height * 0.5, z - 0.1, z + 0.1)]
    for _ in range(3 if shape == "round" else 2):
        x, y, ahead = (rng.uniform(-0.5, 0.5) * reach for _ in range(3))
        y += height * 0.65
        radius = reach * rng.uniform(0.5, 0.8)
        shades.append([(s + x + a * radius, y + b * radius, z + ahead + c * radius) for a, b, c in _BALL])
    if z > _NEAREST:

        def draw(sunlit: float) -> None:
            plants.draw_tree(site.canvas, site.light, rng, s, z, height, shape, sunlit)

        site.add(z, draw, foot=(s, z), shades=shades, density=0.88, large=True)


def add_bush(site: Site, s: float, z: float) -> None:
    """A bush at the street point (s, z)."""
    rng = site.rng
    width, height, leaves = rng.uniform(0.9, 2.4), rng.uniform(0.7, 1.8), plants.leaf_color(rng)
    if z > _NEAREST:

        def draw(sunlit: float) -> None:
            plants.draw_crown(site.canvas, site.light, rng, "bush", (s, 0.0, z), (width, height), leaves, sunlit)

        site.add(z, draw, foot=(s, z), shades=(box(s - width / 3, s + width / 3, height * 0.8, z - 0.3, z + 0.3),))


def add_hedge(site: Site, s: float, z0: float, z1: float, height: float) -> None:
    """A clipped hedge along the street, in pieces that are drawn one by one."""
    rng, leaves = site.rng, plants.leaf_color(site.rng)
    pieces = max(1, math.ceil((z1 - z0) / (8 if z0 < _FAR else 30)))
    for number in range(pieces):
        start, end = z0 + (z1 - z0) * number / pieces, z0 + (z1 - z0) * (number + 1) / pieces

        def draw(sunlit: float, start: float = start, end: float = end) -> None:
            plants.draw_hedge(site.canvas, site.light, rng, s, start, end, height, leaves, sunlit)

        shade = box(s, s + math.copysign(0.8, s), height, start, end)
        site.add(end, draw, foot=(s - math.copysign(0.4, s), (max(start, 3.0) + end) / 2), shades=(shade,))


def add_grove(site: Site, side: Side, z0: float, z1: float, nearest: float, density: float) -> None:
    """Trees and bushes on a lot, `density` of them a meter of its length, from `nearest` meters outwards."""
    rng = site.rng
    for _ in range(min(6 if z0 < _FAR else 3, round((z1 - z0) * density))):
        z = rng.uniform(z0, z1)
        s = side.sign * (nearest + 10 * rng.random() ** 1.5)
        if rng.random() < 0.25:
            add_bush(site, s, z)
        else:
            add_tree(site, s, z, rng.uniform(5, 12), rng.choices(("round", "tall", "conifer"), (68, 14, 18))[0])


def add_tree_row(site: Site, side: Side, distance: float) -> None:
    """Trees of one kind at even distances along the kerb, `distance` meters from the middle of the street."""
    rng = site.rng
    shape = rng.choices(("round", "tall", "conifer"), (82, 14, 4))[0]
    step, height = rng.uniform(8, 16), rng.uniform(5.5, 11)
    z = rng.uniform(4, 12)
    while z < min(site.street.end or 120.0, 120.0):
        if site.is_free(side.sign, z, 4.0) and rng.random() < 0.88:
            add_tree(site, side.sign * distance, z + rng.gauss(0, 0.3), height * rng.uniform(0.85, 1.15), shape)
        z += step if z < _FAR else 1.6 * step
