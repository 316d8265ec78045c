"""The ranges of the augmentation; `augment` applies them. A file of its own, so that recipes load no TensorFlow."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes. Scale and flip are from section 3.1. The paper does not state its color ranges;
    ours are visible but still plausible for a street."""

    scale: tuple[float, float] = (0.5, 2.0)
    flip: bool = True
    brightness: float = 0.1  # added: uniform in [-x, x]
    contrast: float = 0.25  # factor about mid-gray: uniform in [1 - x, 1 + x]
    saturation: float = 0.25  # factor: uniform in [1 - x, 1 + x]
    hue: float = 0.03  # rotation of the color circle, in turns: uniform in [-x, x]

    def with_color_jitter(self, factor: float) -> "Augmentation":
        """A copy with the four color ranges multiplied by `factor`: 0.5 halves them, 0 disables color jitter."""
        ranges = ("brightness", "contrast", "saturation", "hue")
        return dataclasses.replace(self, **{name: factor * getattr(self, name) for name in ranges})
