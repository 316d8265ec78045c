"""The report's section on mistakes: the worst images, an example of each class, and the network's confidence.

The input is label images: ground truth, predictions, and the confidences that evaluate writes.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np

from contextnet_tf.datasets.colors import Color
from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.datasets.near_duplicates import LOOKS_ALIKE, Thumbnail, thumbnail
from contextnet_tf.reporting import wording
from contextnet_tf.reporting.images import Sample, confidence_image, fitted_size, label_image, photograph
from contextnet_tf.reporting.inline import data_uri

MISSED, FALSE = (230, 97, 1), (94, 60, 153)  # colors that color-blind people distinguish
_LONGEST_SIDE = 400  # pixels, of an example of a class
_LEAST_WRONG = 0.0005  # share of an image: with fewer wrong pixels, there is nothing to see


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The counts of one image: labeled and correct pixels, and by class the missed and falsely predicted ones.

    `confidence_correct`, `confidence_wrong`: the summed confidence (0 to 1) over correct and wrong pixels; None if not
    measured.
    """

    name: str
    labeled: int
    right: int
    wrong_by_class: np.ndarray  # int64 [C]
    confidence_correct: float | None = None
    confidence_wrong: float | None = None

    @classmethod
    def of(
        cls, name: str, ground_truth: np.ndarray, prediction: np.ndarray, confidence: np.ndarray | None, classes: int
    ) -> "Outcome":
        """Counts train ids uint8 [H, W]; `confidence` float32 [H, W], 0 to 1."""
        labeled = ground_truth != IGNORE
        wrong = labeled & (ground_truth != prediction)
        missed = np.bincount(ground_truth[wrong], minlength=256)
        false = np.bincount(prediction[wrong], minlength=256)
        sure: tuple[float, float] | tuple[None, None] = (None, None)
        if confidence is not None:
            sure = float(confidence[labeled & ~wrong].sum()), float(confidence[wrong].sum())
        counts = int(labeled.sum()), int(labeled.sum() - wrong.sum())
        return cls(name, *counts, (missed + false)[:classes], *sure)


@dataclasses.dataclass(frozen=True)
class ClassExample:
    """The image with the most wrong pixels of a class.

    `missed`: percent of the class's pixels; `false`: percent of the pixels predicted as the class.
    """

    name: str
    color: Color
    sample: str
    missed: str
    false: str
    uri: str
    size: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class WorstImage:
    """An image and its label images as (role, address); `accuracy`: percent of the labeled pixels that are correct."""

    name: str
    accuracy: str
    size: tuple[int, int]
    images: list[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Mistakes:
    """`sure`: the mean confidence at correct and at wrong pixels in percent; None if not measured."""

    worst: list[WorstImage]
    by_class: list[ClassExample]
    images: int
    sure: tuple[str, str] | None
    title: str = "Where the network errs"


@dataclasses.dataclass(frozen=True, eq=False)
class Shown:
    """A sample with its confidence, float32 [H, W] in 0 to 1; None if not measured."""

    sample: Sample
    confidence: np.ndarray | None


def mistakes(
    outcomes: Iterable[Outcome | None],
    load: Callable[[str], Shown | None],
    classes: Sequence[tuple[str, Color]],
    *,
    worst: int,
) -> Mistakes | None:
    """The section with the `worst` images and one example of each class; None without images.

    Args:
      outcomes: the counts of all images; None for a skipped image.
      load: returns the image of a name, or None to skip it; called only for images to show.
      classes: name and color of each class by train id.
      worst: number of images to show.
    """
    known = [outcome for outcome in outcomes if outcome and outcome.labeled]
    if not known:
        return None
    order = sorted(known, key=lambda outcome: outcome.right / outcome.labeled)
    colors = [color for _, color in classes]
    return Mistakes(
        worst=[_worst_image(shown, colors) for shown in _unlike(map(load, (each.name for each in order)), worst)],
        by_class=[
            example
            for train_id, (name, color) in enumerate(classes)
            if (example := _class_example(train_id, name, color, known, load))
        ],
        images=len(known),
        sure=_sure(known),
    )


def _unlike(images: Iterable[Shown | None], count: int) -> list[Shown]:
    """The first `count` images, without those similar to an earlier one, such as the next frame of a video."""
    chosen: list[Shown] = []
    thumbnails: list[Thumbnail] = []
    for shown in images if count else ():
        small = thumbnail(shown.sample.name, shown.sample.image) if shown else None
        if shown is None or (small and any(float(small.values @ x.values) > LOOKS_ALIKE for x in thumbnails)):
            continue
        chosen.append(shown)
        thumbnails += [small] if small else []
        if len(chosen) == count:
            break
    return chosen


def _sure(outcomes: Sequence[Outcome]) -> tuple[str, str] | None:
    measured = [outcome for outcome in outcomes if outcome.confidence_correct is not None]
    right = sum(outcome.right for outcome in measured)
    wrong = sum(outcome.labeled - outcome.right for outcome in measured)
    if not right or not wrong:
        return None
    sums = (
        sum(outcome.confidence_correct or 0.0 for outcome in measured),
        sum(outcome.confidence_wrong or 0.0 for outcome in measured),
    )
    return wording.percent(sums[0] / right), wording.percent(sums[1] / wrong)


def _worst_image(shown: Shown, colors: Sequence[Color]) -> WorstImage:
    sample = shown.sample
    images = [
        ("image", data_uri(photograph(sample.image), "jpeg")),
        ("ground truth", data_uri(label_image(sample.ground_truth, colors), "png")),
        ("prediction", data_uri(label_image(sample.prediction, colors), "png")),
    ]
    if shown.confidence is not None:
        images.append(("confidence: dark is sure", data_uri(confidence_image(shown.confidence), "jpeg")))
    accuracy = wording.percent(sample.pixel_accuracy)
    return WorstImage(sample.name, accuracy, fitted_size(*sample.ground_truth.shape), images)


def _class_example(
    train_id: int, name: str, color: Color, outcomes: Sequence[Outcome], load: Callable[[str], Shown | None]
) -> ClassExample | None:
    outcome = max(outcomes, key=lambda each: each.wrong_by_class[train_id])
    if outcome.wrong_by_class[train_id] < _LEAST_WRONG * outcome.labeled:
        return None
    shown = load(outcome.name)
    if shown is None:
        return None
    sample = shown.sample
    ground_truth, prediction = sample.ground_truth == train_id, sample.prediction == train_id
    labeled = sample.ground_truth != IGNORE
    missed, false = ground_truth & ~prediction, prediction & ~ground_truth & labeled
    painted = _painted(sample.image, ground_truth & prediction, missed, false)
    window = _densest_window(missed | false)
    excerpt = painted[window]
    return ClassExample(
        name=name,
        color=color,
        sample=sample.name,
        missed=_share(missed, ground_truth),
        false=_share(false, prediction & labeled),
        uri=data_uri(photograph(excerpt, _LONGEST_SIDE), "jpeg"),
        size=fitted_size(excerpt.shape[0], excerpt.shape[1], _LONGEST_SIDE),
    )


def _share(part: np.ndarray, whole: np.ndarray) -> str:
    """Percent of the pixels `whole` that are in `part`."""
    return wording.percent(part.sum() / whole.sum()) if whole.any() else wording.UNKNOWN


def _painted(image: np.ndarray, right: np.ndarray, missed: np.ndarray, false: np.ndarray) -> np.ndarray:
    """The image in pale gray; the class's correct pixels keep their colors, wrong ones are highlighted."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., np.newaxis]
    painted = np.repeat((gray * 0.5 + 110).astype(np.uint8), 3, axis=-1)
    painted[right] = image[right]
    for mask, color in ((missed, MISSED), (false, FALSE)):
        painted[mask] = (0.25 * painted[mask] + 0.75 * np.array(color)).astype(np.uint8)
    return painted


def _densest_window(wrong: np.ndarray) -> tuple[slice, slice]:
    """The window of half the height and width with the most wrong pixels."""
    height, width = wrong.shape
    size = max(1, height // 2), max(1, width // 2)
    sums = np.pad(wrong.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = (
        sums[size[0] :, size[1] :]
        - sums[: -size[0], size[1] :]
        - sums[size[0] :, : -size[1]]
        + sums[: -size[0], : -size[1]]
    )
    # Of several windows with the same pixels, the middle one: it shows their surroundings.
    best = np.argwhere(inside == inside.max())
    top, left = (int(x) for x in best[len(best) // 2])
    return slice(top, top + size[0]), slice(left, left + size[1])
