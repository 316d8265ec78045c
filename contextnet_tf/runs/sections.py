"""The sections of result.json about one run: network, dataset, training, accuracy, export and speed.

Measured sections have their own dataset, split and provenance, since a later program may measure on other data or on
another machine. None means unknown, as in files of version 0.
"""

import dataclasses
import math
import pathlib
from collections.abc import Mapping
from typing import Any, Protocol, Self

import numpy as np

from contextnet_tf.runs.layout import EXPORT
from contextnet_tf.runs.provenance import Provenance
from contextnet_tf.runs.records import INLINED, FieldError, Record, decoded

Size = tuple[int, int]  # (height, width) in pixels


class Accuracies(Protocol):
    """The argument of `Accuracy.of`, such as `evaluation.evaluate.Report`."""

    @property
    def class_iou(self) -> dict[str, float]: ...

    @property
    def category_iou(self) -> dict[str, float]: ...

    @property
    def pixel_accuracy(self) -> float: ...

    @property
    def confusion(self) -> np.ndarray: ...

    @property
    def images(self) -> int: ...

    @property
    def instance_iou(self) -> dict[str, float] | None: ...

    @property
    def category_instance_iou(self) -> dict[str, float] | None: ...

    @property
    def mean_iou(self) -> float: ...

    @property
    def mean_category_iou(self) -> float: ...

    @property
    def mean_instance_iou(self) -> float | None: ...

    @property
    def mean_category_instance_iou(self) -> float | None: ...


class ParityFigures(Protocol):
    """The argument of `ExportedFile.of`, such as `deployment.parity.Parity`."""

    @property
    def largest_difference(self) -> float | None: ...

    @property
    def largest_logit(self) -> float: ...

    @property
    def label_parity(self) -> float: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured(Record):
    """Figures with their origin: dataset, split and provenance."""

    dataset: str | None = None
    split: str | None = None
    provenance: Provenance = dataclasses.field(default=Provenance(), metadata=INLINED)


@dataclasses.dataclass(frozen=True)
class ModelSection(Record):
    """The network. `input_size`: image size of the multiply-adds."""

    name: str | None = None
    num_classes: int | None = None
    input_size: Size | None = None
    parameters: int | None = None
    parameters_folded: int | None = None  # after folding batch normalization
    multiply_adds: int | None = None
    layers: int | None = None


@dataclasses.dataclass(frozen=True)
class ClassEntry(Record):
    """One class; its train id is its index in the list."""

    name: str
    category: str | None = None
    color: tuple[int, int, int] | None = None  # RGB, 0 to 255

    def __post_init__(self):
        if not all(0 <= value <= 255 for value in self.color or ()):
            raise FieldError("color", "has a value that is not from 0 to 255")


@dataclasses.dataclass(frozen=True)
class DatasetSection(Record):
    """The dataset that the network was trained on, and the split that it was validated on.

    `class_table`: argument of `get_dataset` besides the name; None for datasets known by name.
    """

    name: str | None = None
    split: str | None = None
    images: int | None = None
    data_dir: str | None = None
    classes: tuple[ClassEntry, ...] = ()
    class_table: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class TrainingSection(Measured):
    """The training. `recipe` has all settings by name.

    `epochs`: of this run; `recipe_epochs`: of the named recipe, before flags changed it.
    """

    recipe: dict[str, Any] | None = None
    seed: int | None = None
    steps: int | None = None
    epochs: float | None = None
    minutes: float | None = None
    best_step: int | None = None
    recipe_epochs: float | None = None

    def __post_init__(self):
        recipe_setting(self.recipe, "name", str)

    @property
    def recipe_name(self) -> str | None:
        """The recipe's name."""
        return recipe_setting(self.recipe, "name", str)


@dataclasses.dataclass(frozen=True)
class Accuracy(Record):
    """Accuracy metrics. IoU values are 0 to 1; None for a class that does not occur.

    iIoU is None without instance files.
    """

    mean_iou: float | None = None
    pixel_accuracy: float | None = None
    class_iou: dict[str, float | None] | None = None
    mean_category_iou: float | None = None
    category_iou: dict[str, float | None] | None = None
    mean_instance_iou: float | None = None
    instance_iou: dict[str, float | None] | None = None
    mean_category_instance_iou: float | None = None
    category_instance_iou: dict[str, float | None] | None = None
    confusion: tuple[tuple[int, ...], ...] | None = None  # pixels by (true, predicted)
    images: int | None = None

    @classmethod
    def of(cls, report: Accuracies) -> Self:
        """The figures of a report; nan becomes None."""
        return cls(
            mean_iou=_known(report.mean_iou),
            pixel_accuracy=_known(report.pixel_accuracy),
            class_iou=_all_known(report.class_iou),
            mean_category_iou=_known(report.mean_category_iou),
            category_iou=_all_known(report.category_iou),
            mean_instance_iou=_known(report.mean_instance_iou),
            instance_iou=_all_known(report.instance_iou),
            mean_category_instance_iou=_known(report.mean_category_instance_iou),
            category_instance_iou=_all_known(report.category_instance_iou),
            confusion=tuple(map(tuple, report.confusion.tolist())),
            images=report.images,
        )

    def __post_init__(self):
        rows = self.confusion or ()
        if any(len(row) != len(rows) for row in rows):
            raise FieldError("confusion", f"has {len(rows)} rows of another number of values")
        if rows and self.class_iou and len(self.class_iou) != len(rows):
            raise FieldError("confusion", f"has {len(rows)} rows for {len(self.class_iou)} classes")


@dataclasses.dataclass(frozen=True)
class EvaluationSection(Measured):
    """The accuracy by evaluate, or at train's best validation. `checkpoint`: name of the evaluated file."""

    accuracy: Accuracy = dataclasses.field(default=Accuracy(), metadata=INLINED)
    checkpoint: str | None = None


@dataclasses.dataclass(frozen=True)
class AveragedEvaluationSection(EvaluationSection):
    """The accuracy by evaluate with test-time augmentation (TTA) over `scales` and, with `flip`, mirrored images."""

    scales: tuple[float, ...] = ()
    flip: bool = False


@dataclasses.dataclass(frozen=True)
class ExportedFile(Measured):
    """An exported file or SavedModel folder, and its parity with the network.

    Attributes:
      path: relative to the run folder.
      bytes: size; of a folder, that of all its files.
      image_type: "float32" for an input of images divided by 255; None: uint8.
      input_size: (height, width); for a file of dynamic size, that of the checked images.
      largest_logit_difference: None for a file of labels.
      label_parity: share of the pixels with the network's label.
      checked_with: the images of the parity check, in words.
      layer_errors: of int8 files, the relative error of each layer; see `tflite.layer_errors`.
    """

    path: str
    bytes: int | None = None
    precision: str | None = None
    input_size: Size | None = None
    largest_logit_difference: float | None = None
    largest_logit: float | None = None
    label_parity: float | None = None
    checked_with: str | None = None
    calibration_images: int | None = None
    layer_errors: dict[str, float] | None = None
    image_type: str | None = None

    @classmethod
    def of(cls, path: pathlib.Path, parity: ParityFigures, **facts: Any) -> Self:
        """The entry of the file or folder `path`, which is in export/ or will be moved there."""
        files = [path] if path.is_file() else path.rglob("*")
        return cls(
            path=f"{EXPORT}/{path.name}",
            bytes=sum(file.stat().st_size for file in files if file.is_file()),
            largest_logit_difference=parity.largest_difference,
            largest_logit=parity.largest_logit,
            label_parity=parity.label_parity,
            **facts,
        )


@dataclasses.dataclass(frozen=True)
class ExportSection(Record):
    """The exported files of the run by name."""

    files: dict[str, ExportedFile] = dataclasses.field(default_factory=dict)

    def with_files(self, files: Mapping[str, ExportedFile]) -> "ExportSection":
        """A copy with `files` added; files of the same name are replaced."""
        return ExportSection({**self.files, **files})


@dataclasses.dataclass(frozen=True)
class RuntimeSection(Measured):
    """The speed of predict, and its mean IoU if there is ground truth.

    The milliseconds are the latency of one image; None with several workers.
    """

    engine: str | None = None
    threads: int | None = None
    workers: int | None = None
    size: Size | None = None
    images: int | None = None
    milliseconds_median: float | None = None
    milliseconds_spread: tuple[float | None, float | None] | None = None  # 10th and 90th percentile
    frames_per_second: float | None = None
    mean_iou: float | None = None
    file: str | None = None  # the name of the exported file


def recipe_setting(recipe: Mapping[str, Any] | None, name: str, kind: type) -> Any:
    """A setting of a recipe; None without a recipe or such a setting.

    Raises:
      FieldError: the setting has another type than `kind`.
    """
    if recipe is None or name not in recipe:
        return None
    try:
        return decoded(kind, recipe[name])
    except FieldError as error:
        raise error.below(f"recipe.{name}") from None


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _all_known(values: Mapping[str, float] | None) -> dict[str, float | None] | None:
    return None if values is None else {name: _known(value) for name, value in values.items()}
