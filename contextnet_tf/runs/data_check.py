"""check_data.json: the findings of check_data on a dataset."""

import dataclasses

from contextnet_tf.runs.records import Record
from contextnet_tf.runs.sections import Measured, Size

FILE_NAME = "check_data.json"


@dataclasses.dataclass(frozen=True)
class SizeCount(Record):
    """The number of images of a size."""

    height: int
    width: int
    images: int


@dataclasses.dataclass(frozen=True)
class CropCheck(Record):
    """Statistics of random crops. `showing`: by class, the number of crops in which the class occurs.

    `ignored` and `padded` are shares of the crops' pixels; `to_cover_an_image` crops cover one image.
    """

    size: Size
    number: int
    ignored: float
    padded: float
    showing: tuple[int, ...]
    to_cover_an_image: int


@dataclasses.dataclass(frozen=True)
class DataCheck(Measured):
    """The problems, and the frequency of each class: counts by split, one for each of `classes`."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    images: dict[str, int]
    sizes: tuple[SizeCount, ...]
    classes: tuple[str, ...]
    class_pixels: dict[str, tuple[int, ...]]
    ignored_pixels: dict[str, int]
    class_images: dict[str, tuple[int, ...]]
    crops: CropCheck | None
