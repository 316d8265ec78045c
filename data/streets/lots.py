"""What lines the street: houses, walls, fences, hedges and parks, lot by lot."""

import math
import random
from collections.abc import Mapping

from data.streets import barriers
from data.streets.buildings import Building, draw_building, sample_roof
from data.streets.facades import Plane, draw_facade
from data.streets.greenery import add_bush, add_grove, add_hedge
from data.streets.identity import BUILDING
from data.streets.layout import Side
from data.streets.site import Site, box
from data.streets.styles import sample_style

_WIDTHS = {"building": (9, 19), "house": (13, 22), "hall": (18, 34), "gap": (4, 9), "court": (8, 14)}
_PIECE = 10.0  # meters of wall or fence that are drawn at once
_FAR = 40.0  # meters; beyond, pieces are longer


def line_street(site: Site) -> None:
    """Adds everything that stands beyond the pavements, and the houses that close the view."""
    for sign in (-1, 1):
        storeys = site.rng.randint(*site.street.theme.storeys)
        for z0, z1 in site.street.lots_of(sign):
            _fill(site, site.street.sides[sign], z0, z1, storeys)
    if site.street.end:
        _close_view(site, site.street.end)


def _pick(rng: random.Random, weights: Mapping[str, float]) -> str:
    return rng.choices(tuple(weights), tuple(weights.values()))[0]


def _fill(site: Site, side: Side, start: float, end: float, storeys: int) -> None:
    rng = site.rng
    z, previous = start, ""
    while z < end - 3:
        kind = _pick(rng, site.street.theme.lots)
        if kind == previous and kind in ("gap", "court"):
            kind = "building"
        width = rng.uniform(*_WIDTHS.get(kind, (10, 26))) * max(1.0, 0.4 + z / 50)
        if end - z - width < 5:
            width = end - z
        if z + width > 1.5:
            _add_lot(site, side, kind, z, z + width, storeys, previous != "building")
        previous = kind
        z += width


def _add_lot(site: Site, side: Side, kind: str, z0: float, z1: float, storeys: int, exposed: bool) -> None:
    rng = site.rng
    if kind in ("building", "hall"):
        _add_building(site, side, kind, z0, z1, side.front, storeys, exposed)
    elif kind == "house":
        _add_house(site, side, z0, z1, storeys)
    elif kind in ("wall", "fence", "hedge"):
        _add_barrier(site, side, kind, z0, z1)
        add_grove(site, side, z0, z1, side.sidewalk + 1.5, 0.13)
        if rng.random() < 0.5:
            behind = "hall" if site.street.theme.name == "works" else "house"
            _add_building(site, side, behind, z0 + 1, z1 - 1, side.front + rng.uniform(8, 14), 2, True)
    elif kind == "park":
        if rng.random() < 0.4:
            _add_barrier(site, side, rng.choice(("fence", "hedge")), z0, z1)
        add_grove(site, side, z0, z1, side.sidewalk + 1.5, 0.28)
    else:
        add_grove(site, side, z0, z1, side.front + 6, 0.25)
        if kind == "court":
            _add_building(site, side, "building", z0, z1, side.front + 12, storeys, True)


def _add_building(
    site: Site, side: Side, kind: str, z0: float, z1: float, front: float, storeys: int, exposed: bool
) -> None:
    """A building whose front stands `front` meters from the middle of the street."""
    rng = site.rng
    style_name = _pick(rng, site.street.theme.fronts) if kind == "building" else kind
    style = sample_style(rng, style_name)
    count = rng.randint(1, 2) if kind == "hall" else max(1, storeys + rng.choice((-1, 0, 0, 0, 1)))
    height = style.ground_floor + (count - 1) * style.storey + (0.2 if kind == "house" else 0.5)
    depth = rng.uniform(9, 13)
    roof, rise = "flat", 0.0
    if style_name in ("plaster", "brick"):
        roof = rng.choices(("pitched", "mansard", "flat", "gable"), (50, 22, 18, 10))[0]
    elif style_name == "house":
        roof = rng.choices(("pitched", "gable", "flat"), (60, 28, 12))[0]
    if roof == "mansard":
        rise = rng.uniform(2.2, 3.2)
    elif roof != "flat":
        rise = min(6.5, (depth if roof == "pitched" else z1 - z0) / 2 * rng.uniform(0.65, 1.0))
    color, windows = sample_roof(rng), exposed and rng.random() < 0.6
    building = Building(side.sign, front, z0, z1, height, depth, roof, rise, color, style, windows)
    shaded = _shadow_on_front(site, side)

    def draw(_: float) -> None:
        draw_building(site.canvas, site.light, rng, building, shaded)

    inner, outer = side.sign * front, side.sign * (front + depth)
    foot = side.sign * (front - 0.7)
    base = ((foot, z0), (foot, z1), (inner, z1), (inner, z0))
    site.add(z1, draw, shades=(box(inner, outer, height + 0.6 * rise, z0, z1),), base=base, large=True)


def _shadow_on_front(site: Site, side: Side) -> float:
    """The height in meters up to which the opposite row shades this side's fronts."""
    x, y, _ = site.light.direction
    if x * side.sign >= -0.02:
        return 0.0
    theme, opposite = site.street.theme, site.street.sides[-side.sign]
    built = theme.lots.get("building", 0) > 50
    tall = 3.2 * sum(theme.storeys) / 2 + 3 if built else 3.0
    return max(0.0, tall - (side.front + opposite.front) * y / abs(x))


def _add_house(site: Site, side: Side, z0: float, z1: float, storeys: int) -> None:
    """A detached house in its garden, behind a fence, a wall or a hedge."""
    rng = site.rng
    gap = rng.uniform(1.5, 3.0)
    front = side.front + rng.uniform(0.5, 2.5)
    _add_building(site, side, "house", z0 + gap, z1 - gap * 0.5, front, min(storeys, 2), True)
    add_grove(site, side, z0, z1, side.front + 12, 0.12)
    if side.front - side.sidewalk > 1.2:
        kind = rng.choices(("fence", "hedge", "wall", "open"), (36, 28, 16, 20))[0]
        gate = z0 + rng.uniform(0.3, 0.7) * (z1 - z0)
        if kind != "open":
            _add_barrier(site, side, kind, z0, gate - 1.4)
            _add_barrier(site, side, kind, gate + 1.4, z1)
        for _ in range(rng.randint(0, 3)):
            add_bush(site, side.sign * rng.uniform(side.sidewalk + 0.6, side.front), rng.uniform(z0, z1))


def _add_barrier(site: Site, side: Side, kind: str, z0: float, z1: float) -> None:
    """A wall, a fence or a hedge along the pavement, in pieces of one look."""
    rng, canvas, light = site.rng, site.canvas, site.light
    s, z0 = side.sign * (side.sidewalk + 0.1), max(z0, 1.0)
    height = rng.uniform(*{"wall": (1.2, 3.0), "fence": (0.9, 2.0), "hedge": (0.9, 2.2)}[kind])
    if z1 < z0 + 1:
        return
    if kind == "hedge":
        add_hedge(site, s, z0, z1, height)
        return
    fence, look = rng.choices(("pickets", "rails", "mesh"), (40, 36, 24))[0], rng.getrandbits(32)
    pieces = max(1, math.ceil((z1 - z0) / (_PIECE if z0 < _FAR else 3 * _PIECE)))
    for number in range(pieces):
        start, end = z0 + (z1 - z0) * number / pieces, z0 + (z1 - z0) * (number + 1) / pieces

        def draw(sunlit: float, start: float = start, end: float = end) -> None:
            same = random.Random(look)
            if kind == "wall":
                barriers.draw_wall(canvas, light, same, s, start, end, height, sunlit)
            else:
                barriers.draw_fence(canvas, light, same, s, start, end, height, sunlit, fence)

        foot = (s - side.sign * 0.4, (max(start, 3.0) + end) / 2)
        shade = box(s, s + side.sign * 0.3, height, start, end)
        site.add(end, draw, foot=foot, shades=(shade,), density=0.45 if kind == "fence" else 1.0)


def _close_view(site: Site, z: float) -> None:
    """A row of houses across the street's end."""
    rng, theme = site.rng, site.street.theme
    storeys = rng.randint(*theme.storeys)
    s = -45.0
    while s < 45:
        width, rise, color = rng.uniform(9, 18), rng.choice((0.0, 3.0, 4.5)), sample_roof(rng)
        style = sample_style(rng, _pick(rng, theme.fronts))
        height = style.ground_floor + max(0, storeys - 1 + rng.choice((-1, 0, 0, 1))) * style.storey + 0.5
        plane = Plane(s, z + 8, s + width, z + 8, (0.0, 0.0, -1.0))

        def draw(_: float, plane=plane, style=style, height=height, rise=rise, color=color) -> None:
            if rise:
                corners = ((-0.3, -0.1), (plane.length + 0.3, -0.1), (plane.length - 1, rise), (1, rise))
                slope = [plane.point(u, height + y) for u, y in corners]
                site.canvas.polygon(slope, site.light.shade(color, (0.0, 0.75, -0.65), plane.z0), BUILDING)
            draw_facade(site.canvas, site.light, rng, plane, height, style)

        site.add(z + 8, draw)
        s += width
