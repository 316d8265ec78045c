"""The light of a scene: direction and color of the sun, sky and haze."""

import dataclasses
import functools
import math
import random

import numpy as np

RGB = tuple[float, float, float]
Vector = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Light:
    """Colors are RGB; `sun` and `sky` are factors of a surface's own color, the others 0 to 255."""

    direction: Vector  # towards the sun; x to the right, y up, z along the street
    sun: RGB
    sky: RGB
    zenith: RGB
    skyline: RGB  # the sky above the horizon
    clouds: float  # part of the sky that they cover, 0 to 1
    cloud_color: RGB
    haze: RGB
    haze_distance: float  # meters at which haze replaces 63 % of a color
    lamps: bool  # head lamps and windows are lit

    def shade(self, color: RGB, normal: Vector, distance: float, sunlit: float = 1.0) -> RGB:
        """The color of a surface with this normal seen from `distance` meters."""
        x, y, z = self.direction
        facing = (normal[0] * x + normal[1] * y + normal[2] * z) * sunlit
        open_sky = 0.78 + 0.22 * normal[1]
        (red, green, blue), (sky_red, sky_green, sky_blue) = color, self.sky
        if facing <= 0:
            seen = red * open_sky * sky_red, green * open_sky * sky_green, blue * open_sky * sky_blue
        else:
            sun_red, sun_green, sun_blue = self.sun
            seen = (
                red * (open_sky * sky_red + facing * sun_red),
                green * (open_sky * sky_green + facing * sun_green),
                blue * (open_sky * sky_blue + facing * sun_blue),
            )
        return self.fade(seen, distance)

    def fade(self, color: RGB, distance: float) -> RGB:
        """Mixes a color with the haze in front of it."""
        clear = math.exp(-distance / self.haze_distance)
        (red, green, blue), (haze_red, haze_green, haze_blue) = color, self.haze
        veil = 1.0 - clear
        return (
            min(red, 255.0) * clear + haze_red * veil,
            min(green, 255.0) * clear + haze_green * veil,
            min(blue, 255.0) * clear + haze_blue * veil,
        )

    def shade_all(self, colors: np.ndarray, normals: np.ndarray, distances, sunlit=1.0) -> np.ndarray:
        """`shade` for colors float [..., N, 3], normals of that shape, and distances [N] or one for all."""
        direction, sun, sky, haze = self._arrays
        facing = np.maximum(normals @ direction, 0.0)[..., None] * sunlit
        received = facing * sun + (0.78 + 0.22 * normals[..., 1])[..., None] * sky
        seen = np.minimum(colors * received, 255.0)
        if isinstance(distances, np.ndarray):
            clear = np.exp(distances * (-1 / self.haze_distance))[..., None]
        else:
            clear = math.exp(-distances / self.haze_distance)
        return seen * clear + haze * (1.0 - clear)

    @functools.cached_property
    def _arrays(self) -> np.ndarray:
        return np.array((self.direction, self.sun, self.sky, self.haze), np.float32)

    def shadow_shift(self) -> tuple[float, float]:
        """How far (s, z) the shadow of a point one meter up falls from below it."""
        x, y, z = self.direction
        return -x / max(y, 0.09), -z / max(y, 0.09)


_TIMES = (
    # weight, elevation, lamps; sun, sky; zenith, skyline, clouds
    (28, (34, 60), 0.05, (0.74, 0.70, 0.62), (0.50, 0.54, 0.60),  # noon
     (66, 122, 198), (176, 205, 230), (0.05, 0.55)),
    (24, (20, 34), 0.05, (0.80, 0.70, 0.54), (0.47, 0.51, 0.58),  # afternoon
     (74, 130, 200), (196, 212, 224), (0.05, 0.60)),
    (18, (8, 18), 0.15, (0.86, 0.62, 0.38), (0.46, 0.48, 0.56),  # evening
     (92, 136, 192), (246, 216, 172), (0.10, 0.60)),
    (18, (30, 60), 0.15, (0.06, 0.06, 0.06), (0.88, 0.90, 0.93),  # gray sky
     (176, 184, 194), (214, 218, 222), (0.85, 1.00)),
    (6, (30, 60), 0.80, (0.03, 0.03, 0.03), (0.72, 0.76, 0.82),  # rain clouds
     (126, 136, 150), (186, 192, 198), (0.90, 1.00)),
    (6, (3, 6), 1.00, (0.22, 0.13, 0.09), (0.50, 0.51, 0.62),  # dusk
     (70, 94, 150), (242, 176, 130), (0.10, 0.60)),
)  # fmt: skip


def sample_light(rng: random.Random) -> Light:
    """A time of day, its weather, and a sun that stands anywhere around the street."""
    time = rng.choices(_TIMES, [row[0] for row in _TIMES])[0]
    _, elevation, lamps, sun, sky, zenith, skyline, clouds = time
    angle, around = math.radians(rng.uniform(*elevation)), rng.uniform(0, 2 * math.pi)
    gray = clouds[0] > 0.8
    misty = rng.random() < (0.25 if gray else 0.08)
    brightness = rng.uniform(0.92, 1.08)
    warmth = (1 + rng.gauss(0, 0.03), 1.0, 1 + rng.gauss(0, 0.03))
    deep = rng.uniform(0.9, 1.08)
    return Light(
        direction=(math.sin(around) * math.cos(angle), math.sin(angle), math.cos(around) * math.cos(angle)),
        sun=tuple(part * brightness * warm for part, warm in zip(sun, warmth)),
        sky=tuple(part * brightness for part in sky),
        zenith=tuple(part * deep for part in zenith),
        skyline=skyline,
        clouds=rng.uniform(*clouds),
        cloud_color=tuple(min(250.0, s * 0.3 + 172 * (part * 0.25 + 0.86)) for s, part in zip(skyline, sun)),
        haze=tuple(part * (0.96 if gray else 0.92) for part in skyline),
        haze_distance=rng.uniform(90, 150) if misty else rng.uniform(260, 900),
        lamps=rng.random() < (0.8 if misty else lamps),
    )
