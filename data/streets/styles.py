"""The styles that fronts of buildings come in."""

import dataclasses
import random

from data.streets.light import RGB

_PLASTER = (
    (226, 214, 190), (216, 196, 156), (206, 178, 130), (222, 206, 198), (196, 186, 172), (232, 228, 216),
    (186, 194, 190), (200, 168, 150), (176, 186, 200), (190, 150, 120), (212, 190, 120), (168, 160, 150),
)  # fmt: skip
_BRICK = ((148, 82, 62), (128, 70, 56), (164, 104, 76), (112, 72, 62), (176, 142, 108))
_CONCRETE = ((160, 160, 156), (178, 176, 170), (140, 142, 144), (190, 186, 176), (120, 122, 126))
_SHUTTERS = ((70, 96, 80), (110, 70, 56), (84, 96, 116), (120, 124, 120))
_WHITE_FRAME, _DARK_FRAME, _STEEL_FRAME = (216, 214, 206), (74, 62, 54), (90, 94, 98)


@dataclasses.dataclass(frozen=True)
class FrontStyle:
    """How a front looks. Lengths in meters, colors RGB."""

    wall: RGB
    base: RGB  # the wall of the ground floor
    trim: RGB
    frame: RGB
    bay: float  # distance between the middles of two windows
    window: tuple[float, float]  # part of the bay, part of the storey's height
    storey: float
    ground_floor: float
    ground: str  # "shops", "homes", "gates" or "blank"
    surround: bool = False
    cornice: bool = False
    balconies: float = 0.0  # part of the windows
    shutter: RGB | None = None
    courses: float = 0.0  # distance of joints in the wall, 0 for none
    bands: bool = False  # windows in bands without wall between


def _scaled(color: RGB, part: float) -> RGB:
    return tuple(channel * part for channel in color)


def _one_of(rng: random.Random, colors: tuple[RGB, ...]) -> RGB:
    return _scaled(rng.choice(colors), rng.uniform(0.86, 1.06))


def sample_style(rng: random.Random, kind: str) -> FrontStyle:
    """A front of a kind: plaster, brick, block, office, house or hall."""
    return _STYLES[kind](rng)


def _old(rng: random.Random, wall: RGB, courses: float) -> FrontStyle:
    """A town house with a cornice above the ground floor and tall windows."""
    base = _scaled(wall, rng.choice((0.78, 0.9, 1.0))) if rng.random() < 0.6 else _one_of(rng, _CONCRETE)
    return FrontStyle(
        wall=wall,
        base=base,
        trim=_scaled((214, 208, 196), rng.uniform(0.85, 1.05)) if rng.random() < 0.7 else _scaled(wall, 0.8),
        frame=_WHITE_FRAME if rng.random() < 0.65 else _DARK_FRAME,
        bay=rng.uniform(2.2, 3.2),
        window=(rng.uniform(0.38, 0.52), rng.uniform(0.52, 0.64)),
        storey=rng.uniform(2.9, 3.7),
        ground_floor=rng.uniform(3.5, 4.4),
        ground="shops" if rng.random() < 0.6 else "homes",
        surround=rng.random() < 0.7,
        cornice=rng.random() < 0.8,
        balconies=rng.choice((0.0, 0.0, 0.25, 0.5)),
        shutter=_one_of(rng, _SHUTTERS) if rng.random() < 0.2 else None,
        courses=courses,
    )


def _plaster(rng: random.Random) -> FrontStyle:
    return _old(rng, _one_of(rng, _PLASTER), 0.0)


def _brick(rng: random.Random) -> FrontStyle:
    return _old(rng, _one_of(rng, _BRICK), 0.3)


def _block(rng: random.Random) -> FrontStyle:
    """A block of flats."""
    wall = _one_of(rng, _PLASTER if rng.random() < 0.4 else _CONCRETE)
    return FrontStyle(
        wall=wall,
        base=_scaled(wall, 0.85),
        trim=_scaled(wall, rng.choice((0.8, 1.15))),
        frame=_WHITE_FRAME,
        bay=rng.uniform(2.8, 3.8),
        window=(rng.uniform(0.45, 0.68), rng.uniform(0.46, 0.56)),
        storey=rng.uniform(2.7, 3.0),
        ground_floor=rng.uniform(2.9, 3.6),
        ground=rng.choice(("homes", "shops")),
        balconies=rng.choice((0.0, 0.3, 0.6)),
        courses=rng.choice((0.0, 2.8)),
    )


def _office(rng: random.Random) -> FrontStyle:
    wall = _one_of(rng, _CONCRETE)
    return FrontStyle(
        wall=wall,
        base=_scaled(wall, 0.7),
        trim=_scaled(wall, 0.9),
        frame=_STEEL_FRAME if rng.random() < 0.7 else _WHITE_FRAME,
        bay=rng.uniform(1.4, 2.4),
        window=(rng.uniform(0.7, 0.88), rng.uniform(0.62, 0.84)),
        storey=rng.uniform(3.3, 3.9),
        ground_floor=rng.uniform(3.8, 4.8),
        ground="shops",
        bands=rng.random() < 0.4,
    )


def _house(rng: random.Random) -> FrontStyle:
    """A small detached house."""
    brick = rng.random() < 0.3
    wall = _one_of(rng, _BRICK if brick else _PLASTER)
    return FrontStyle(
        wall=wall,
        base=wall,
        trim=_scaled((214, 208, 196), rng.uniform(0.85, 1.05)),
        frame=_WHITE_FRAME if rng.random() < 0.7 else _DARK_FRAME,
        bay=rng.uniform(2.6, 3.6),
        window=(rng.uniform(0.36, 0.5), rng.uniform(0.44, 0.54)),
        storey=rng.uniform(2.7, 3.0),
        ground_floor=rng.uniform(2.8, 3.1),
        ground="homes",
        surround=rng.random() < 0.4,
        shutter=_one_of(rng, _SHUTTERS) if rng.random() < 0.35 else None,
        courses=0.3 if brick else 0.0,
    )


def _hall(rng: random.Random) -> FrontStyle:
    """A hall of a works, with gates below and low bands of windows above."""
    wall = _one_of(rng, _BRICK if rng.random() < 0.4 else _CONCRETE)
    return FrontStyle(
        wall=wall,
        base=_scaled(wall, 0.9),
        trim=_scaled(wall, 0.8),
        frame=_STEEL_FRAME,
        bay=rng.uniform(3.0, 4.5),
        window=(0.7, 0.28),
        storey=rng.uniform(3.4, 4.2),
        ground_floor=rng.uniform(3.8, 4.6),
        ground="gates",
        courses=rng.choice((0.0, 0.5)),
        bands=rng.random() < 0.5,
    )


_STYLES = {
    "plaster": _plaster, "brick": _brick, "block": _block, "office": _office, "house": _house, "hall": _hall,
}  # fmt: skip
