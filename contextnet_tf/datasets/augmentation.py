"""The ranges of the augmentation; `augment` applies them. A file of its own, so that recipes load no TensorFlow."""

import dataclasses

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma weights of red, green and blue
LATER = {"later": True}  # metadata of a field of a recipe that runs of version 0.1 did not have


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
    # Not in the paper. The logarithms of the factors of red and blue: each uniform in [-x, x].
    white_balance: float = dataclasses.field(default=0.0, metadata=LATER)
    # Not in the paper; see `appearance`. Of each, the strength is uniform from 0 to x.
    gamma: float = dataclasses.field(default=0.0, metadata=LATER)  # the colors' exponent: e ** -x to e ** x
    blur: float = dataclasses.field(default=0.0, metadata=LATER)  # standard deviation in pixels of the crop
    noise: float = dataclasses.field(default=0.0, metadata=LATER)  # standard deviation
    shadow: float = dataclasses.field(default=0.0, metadata=LATER)  # share of the light that a shadow takes

    def with_color_jitter(self, factor: float) -> "Augmentation":
        """A copy with brightness, contrast, saturation and hue multiplied by `factor`; 0 disables them."""
        ranges = ("brightness", "contrast", "saturation", "hue")
        return dataclasses.replace(self, **{name: factor * getattr(self, name) for name in ranges})

    def with_appearance(self, strength: float) -> "Augmentation":
        """A copy with gamma, blur, noise and shadow of this strength; 1 is strong but still plausible, 0 is off."""
        share = min(1.0, 0.6 * strength)
        return dataclasses.replace(self, gamma=0.5 * strength, blur=0.8 * strength, noise=0.04 * strength, shadow=share)

    @property
    def varies_color(self) -> bool:
        """Whether brightness, contrast, saturation, hue or the white balance are on."""
        return any((self.brightness, self.contrast, self.saturation, self.hue, self.white_balance))

    @property
    def varies_appearance(self) -> bool:
        """Whether gamma, blur, noise or shadow are on."""
        return any((self.gamma, self.blur, self.noise, self.shadow))
