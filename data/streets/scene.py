"""Draws one labeled street scene."""

import dataclasses
import random
from collections.abc import Sequence

import numpy as np

from contextnet_tf.errors import InputError
from data.streets.camera import sample_camera
from data.streets.canvas import SUPERSAMPLING, Canvas
from data.streets.ground import ShadowMap, finish_ground
from data.streets.hood import draw_hood, mark_border
from data.streets.identity import LABEL_OF_INSTANCE
from data.streets.layout import sample_street
from data.streets.light import sample_light
from data.streets.lots import line_street
from data.streets.marks import Marks
from data.streets.photo import develop
from data.streets.roadside import furnish
from data.streets.roadway import Roadway
from data.streets.sidewalks import fill_sidewalks
from data.streets.site import Site
from data.streets.sky import draw_sky, draw_skyline
from data.streets.traffic import fill_street

_SMALLEST = 64  # pixels per side; objects in smaller images are unrecognizable


@dataclasses.dataclass(frozen=True)
class Scene:
    """A synthetic scene: `image` uint8 [H, W, 3] RGB, `label_ids` uint8 [H, W], `instance_ids` uint16 [H, W]."""

    image: np.ndarray
    label_ids: np.ndarray
    instance_ids: np.ndarray


def draw_street(seed: int | Sequence[int] | np.random.Generator, height: int, width: int) -> Scene:
    """Draws a street scene of height x width pixels. The same seed draws the same bytes.

    Raises:
      InputError: the image would be smaller than 64 x 64 pixels.
    """
    if min(height, width) < _SMALLEST:
        raise InputError(f"{height} x {width}: a synthetic scene has at least {_SMALLEST} x {_SMALLEST} pixels")
    rng = random.Random(int(np.random.default_rng(seed).integers(2**63)))
    street = sample_street(rng)
    light = sample_light(rng)
    camera = sample_camera(rng, width * SUPERSAMPLING, height * SUPERSAMPLING, street.eye_s, street.bend)
    site = Site(Canvas(camera), light, rng, street)
    line_street(site)
    furnish(site)
    fill_street(site)
    fill_sidewalks(site)

    draw_sky(site.canvas, light, rng)
    draw_skyline(site.canvas, light, rng)
    surface = Roadway(site.canvas, street, rng).draw()
    Marks(site.canvas, street, rng).draw()
    shadows = ShadowMap(camera, light)
    shadows.add(item for item in site.items if item.large)
    sunlit = shadows.sunlit([item.foot or (0.0, 0.0) for item in site.items])
    shadows.add(item for item in site.items if not item.large)
    finish_ground(site.canvas, light, shadows, surface, rng)
    look = rng.getrandbits(48)
    for index in sorted(range(len(site.items)), key=lambda index: -site.items[index].z):
        # Small objects draw fewer random numbers; this must not affect the next object.
        rng.seed(look + index)
        site.items[index].draw(float(sunlit[index]))
    rng.seed(look - 1)
    site.items.clear()  # breaks the reference cycle with the site, so that the canvas is freed at once
    draw_hood(site.canvas, light, rng)

    image, instance_ids = develop(site.canvas, rng)
    mark_border(instance_ids, rng)
    return Scene(image, LABEL_OF_INSTANCE[instance_ids], instance_ids)
