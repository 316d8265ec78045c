"""Changes of images that another camera, light or transmission makes: how accurate is a network on such images?

Images are uint8 [H, W, 3] RGB. The labels of a changed image are those of the image.
"""

import dataclasses
from collections.abc import Callable, Mapping

import cv2
import numpy as np

from contextnet_tf.datasets.augmentation import LUMA


@dataclasses.dataclass(frozen=True)
class Corruption:
    """One change of images. `text` describes it; `apply(image, seed)` returns the changed image.

    Only noise depends on the seed, so that networks can be compared on the same images.
    """

    text: str
    apply: Callable[[np.ndarray, int], np.ndarray]


def _to_uint8(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _curve(exponent: float, factor: float = 1.0) -> Callable[[np.ndarray, int], np.ndarray]:
    """255 * factor * (value / 255) ** exponent."""
    table = _to_uint8(255 * factor * (np.arange(256) / 255) ** exponent)
    return lambda image, seed: table[image]


def _saturation(factor: float) -> Callable[[np.ndarray, int], np.ndarray]:
    def apply(image: np.ndarray, seed: int) -> np.ndarray:
        gray = (image @ np.array(LUMA))[..., np.newaxis]
        return _to_uint8(gray + factor * (image - gray))

    return apply


def _white_balance(red: float, blue: float) -> Callable[[np.ndarray, int], np.ndarray]:
    return lambda image, seed: _to_uint8(image * np.array([red, 1.0, blue]))


def _noise(deviation: float) -> Callable[[np.ndarray, int], np.ndarray]:
    return lambda image, seed: _to_uint8(image + np.random.default_rng(seed).normal(0.0, deviation, image.shape))


def _jpeg(quality: int) -> Callable[[np.ndarray, int], np.ndarray]:
    def apply(image: np.ndarray, seed: int) -> np.ndarray:
        encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
        assert decoded is not None  # it was just encoded
        return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)

    return apply


UNCHANGED = "unchanged"
CORRUPTIONS: Mapping[str, Corruption] = {
    "dark": Corruption("gamma 1.8, then times 0.6", _curve(1.8, 0.6)),
    "bright": Corruption("gamma 0.6", _curve(0.6)),
    "pale": Corruption("a fifth of the saturation", _saturation(0.2)),
    "reddish": Corruption("red times 1.2, blue times 0.75", _white_balance(1.2, 0.75)),
    "bluish": Corruption("red times 0.75, blue times 1.2", _white_balance(0.75, 1.2)),
    "blurred": Corruption(
        "Gaussian, standard deviation 1.5 px", lambda image, seed: cv2.GaussianBlur(image, (0, 0), 1.5)
    ),
    "noisy": Corruption("Gaussian, standard deviation 12", _noise(12.0)),
    "compressed": Corruption("JPEG of quality 20", _jpeg(20)),
}
