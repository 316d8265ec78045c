"""What stands along the kerb: rows of trees, lamps, signs, signals, tram masts, bins, rails and bridges."""

import random

from data.streets import barriers, clutter, posts
from data.streets.greenery import add_tree_row
from data.streets.layout import Side
from data.streets.site import Site, box, square


def furnish(site: Site) -> None:
    """Adds trees, posts and street furniture."""
    rng, street = site.rng, site.street
    for side in street.sides.values():
        if rng.random() < street.theme.trees:
            add_tree_row(site, side, _kerb(side) + 0.3)
        if rng.random() < 0.75:
            _add_lamps(site, side)
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            _add_sign(site, side)
        for _ in range(rng.choice((0, 0, 1, 2))):
            _add_clutter(site, side, clutter.draw_static, 1.0)
        if rng.random() < 0.12:
            _add_clutter(site, side, clutter.draw_dynamic, 0.6)
        if rng.random() < 0.14:
            _add_bollards(site, side)
        if street.theme.name == "arterial" and rng.random() < 0.4 and side.parking == side.road:
            _add_guard_rail(site, side)
    if street.crossing and street.crossing.signals:
        _add_signals(site)
    elif rng.random() < 0.35:
        z = rng.uniform(9, 30)
        if site.is_free(1, z):
            _add_signal(site, street.sides[1].parking + 0.6, z, rng.random() < 0.4)
    if street.median_kind == "tram":
        _add_wires(site)
    if rng.random() < 0.05:
        _add_bridge(site)


def _kerb(side: Side) -> float:
    """Where posts stand, in meters from the middle of the street."""
    return (side.parking + side.verge) / 2 if side.verge > side.parking else side.parking + 0.5


def _add_lamps(site: Site, side: Side) -> None:
    rng, s, look = site.rng, side.sign * _kerb(side), site.rng.getrandbits(32)
    z, step = rng.uniform(6, 26), rng.uniform(20, 34)
    while z < 130:
        if site.is_free(side.sign, z):

            def draw(sunlit: float, z: float = z) -> None:
                posts.draw_street_lamp(site.canvas, site.light, random.Random(look), s, z, sunlit)

            site.add_post(s, z, 7.0, draw)
        z += step


def _add_sign(site: Site, side: Side) -> None:
    rng, crossing = site.rng, site.street.crossing
    s, z = side.sign * (_kerb(side) + rng.uniform(-0.1, 0.3)), 6.5 + 40 * rng.random() ** 1.5
    if crossing and rng.random() < 0.6:
        z = crossing.z0 - rng.uniform(3, 5) if rng.random() < 0.6 else crossing.z1 + rng.uniform(3, 5)
    if site.is_free(side.sign, z):
        site.add_post(s, z, 2.9, lambda sunlit: posts.draw_sign(site.canvas, site.light, rng, s, z, sunlit))


def _add_clutter(site: Site, side: Side, draw, height: float) -> None:
    rng = site.rng
    s, z = side.sign * rng.choice((side.sidewalk - 0.45, _kerb(side) + 0.3)), rng.uniform(7, 40)
    if site.is_free(side.sign, z):
        shade = box(s - 0.3, s + 0.3, height, z - 0.4, z + 0.4)

        def draw_it(sunlit: float) -> None:
            draw(site.canvas, site.light, rng, s, z, sunlit)

        site.add(z, draw_it, foot=(s, z), shades=(shade,), base=square(s, z, 0.4))


def _add_bollards(site: Site, side: Side) -> None:
    rng = site.rng
    s, color = side.sign * (side.parking + 0.4), tuple(part * 0.7 for part in posts.pole_color(rng))
    z, last = rng.uniform(5, 14), rng.uniform(18, 40)
    while z < last:
        if site.is_free(side.sign, z):

            def draw(sunlit: float, z: float = z) -> None:
                posts.draw_bollard(site.canvas, site.light, s, z, sunlit, color)

            site.add_post(s, z, 0.95, draw)
        z += 1.8


def _add_guard_rail(site: Site, side: Side) -> None:
    s = side.sign * (side.parking + 0.5)
    for number in range(13):
        z = 1.0 + 9.0 * number
        if site.is_free(side.sign, z, 12.0):

            def draw(sunlit: float, z: float = z) -> None:
                barriers.draw_guard_rail(site.canvas, site.light, s, z, z + 9, sunlit)

            site.add(z + 9, draw, foot=(s, z + 5))


def _add_signal(site: Site, s: float, z: float, over_road: bool) -> None:
    def draw(sunlit: float) -> None:
        posts.draw_traffic_light(site.canvas, site.light, site.rng, s, z, sunlit, over_road)

    site.add_post(s, z, 3.4, draw)


def _add_signals(site: Site) -> None:
    """Signals at the corners of the crossing."""
    crossing, rng = site.street.crossing, site.rng
    for sign, side in site.street.sides.items():
        for z in (crossing.z0 - 4.6, crossing.z1 + 4.4):
            if z > 5 and rng.random() < 0.85:
                _add_signal(site, sign * (side.parking + 0.7), z, sign > 0 and rng.random() < 0.5)


def _add_wires(site: Site) -> None:
    """The masts and the wires of a tram."""
    rng, canvas, light, half = site.rng, site.canvas, site.light, site.street.median / 2
    color = posts.pole_color(rng)
    z, step = rng.uniform(6, 24), rng.uniform(24, 32)
    signs = (-1, 1) if rng.random() < 0.6 else (rng.choice((-1, 1)),)
    while z < 120:
        for sign in signs:
            s = sign * (_kerb(site.street.sides[sign]) - 0.1)
            if site.is_free(sign, z):

                def draw(sunlit: float, s: float = s, z: float = z, wire: float = -sign * half) -> None:
                    posts.draw_mast(canvas, light, color, s, z, wire, sunlit)

                site.add_post(s, z, 7.0, draw)
        z += step

    def draw_wires(_: float) -> None:
        for s in (-half, half):
            path = [(s, 5.8, 2.0 * 1.5**number) for number in range(11)]
            canvas.line(path, light.fade((42, 44, 48), 20.0), canvas.camera.height / 700)

    site.add(1.0, draw_wires)


def _add_bridge(site: Site) -> None:
    rng, sides = site.rng, site.street.sides
    z, height = rng.uniform(45, 90), rng.uniform(5.0, 6.5)
    half = max(sides[-1].sidewalk, sides[1].sidewalk) + 0.5
    shade = box(-half - 30, half + 30, height + 1.2, z, z + 9)

    def draw(_: float) -> None:
        barriers.draw_bridge(site.canvas, site.light, rng, z, height, half)

    site.add(z + 9, draw, shades=(shade,), large=True)
