"""The sections of result.json on accuracy: ablations, leave-one-out, pruning, branches, precisions."""

import dataclasses
from typing import Any

from contextnet_tf.runs.records import INLINED, FieldError, Record
from contextnet_tf.runs.sections import Accuracy, Measured, Size, recipe_setting


class _OfRecipe:
    """The recipe that all runs of a section share."""

    recipe: dict[str, Any]

    @property
    def recipe_name(self) -> str | None:
        """The recipe's name."""
        return recipe_setting(self.recipe, "name", str)

    @property
    def epochs(self) -> float | None:
        """Epochs of each run."""
        return recipe_setting(self.recipe, "epochs", float)


@dataclasses.dataclass(frozen=True)
class AblationRow(Record):
    """One row: its changes of the reference row, and its mean IoU (0 to 1) for each seed.

    Attributes:
      model: name of the network.
      parameters, multiply_adds: of the network, batch normalization folded, at the size of the dataset's images.
      class_iou: mean over the seeds by class; None for a class that does not occur.
      against: name of the row to compare with; None: the first.
      paper_mean_iou: the paper's figure for this row, 0 to 1.
      frames_per_second, paper_frames_per_second: of sequential frames.
      mean_category_iou: mean IoU of the categories, 0 to 1, for each seed; empty in older files.
      paper_category_iou: the paper's figure, 0 to 1.
      paper_million_parameters: the paper's figure.
    """

    name: str
    changes: dict[str, Any]
    mean_iou: tuple[float, ...]
    model: str | None = None
    parameters: int | None = None
    multiply_adds: int | None = None
    class_iou: dict[str, float | None] = dataclasses.field(default_factory=dict)
    against: str | None = None
    paper_mean_iou: float | None = None
    frames_per_second: float | None = None
    paper_frames_per_second: float | None = None
    mean_category_iou: tuple[float, ...] = ()
    paper_category_iou: float | None = None
    paper_million_parameters: float | None = None


@dataclasses.dataclass(frozen=True)
class AblationSection(_OfRecipe, Measured):
    """Rows trained on the same seeds; the first is the reference. `given`: changes of the recipe for all rows.

    `speed`: how the frames per second were measured, in words.
    """

    model: str
    images: int
    recipe: dict[str, Any]
    given: dict[str, Any]
    seeds: tuple[int, ...]
    rows: tuple[AblationRow, ...]
    title: str = "What each part of a recipe is worth"
    speed: str | None = None

    def __post_init__(self):
        for name, kind in (("name", str), ("epochs", float), ("validation_epochs", float)):
            recipe_setting(self.recipe, name, kind)

    @property
    def validation_epochs(self) -> float | None:
        """Epochs between validations."""
        return recipe_setting(self.recipe, "validation_epochs", float)


@dataclasses.dataclass(frozen=True)
class LeaveOneOutRow(Record):
    """One row: its changes of the recipe, and its mean IoU (0 to 1) on each held-out drive, for each seed.

    `class_iou`: mean over drives and seeds; None for a class that does not occur.
    """

    name: str
    changes: dict[str, Any]
    mean_iou: dict[str, tuple[float, ...]]
    class_iou: dict[str, float | None] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class LeaveOneOutSection(_OfRecipe, Measured):
    """Settings trained with each drive held out; the first row is the reference. `given`: changes for all rows."""

    model: str
    recipe: dict[str, Any]
    given: dict[str, Any]
    seeds: tuple[int, ...]
    drives: tuple[str, ...]
    rows: tuple[LeaveOneOutRow, ...]

    def __post_init__(self):
        for name, kind in (("name", str), ("epochs", float)):
            recipe_setting(self.recipe, name, kind)
        for place, row in enumerate(self.rows):
            wrong = [drive for drive in self.drives if len(row.mean_iou.get(drive, ())) != len(self.seeds)]
            if wrong:
                raise FieldError(
                    f"rows[{place}].mean_iou", f"does not have one value per seed for the drive {wrong[0]}"
                )


@dataclasses.dataclass(frozen=True)
class PruningRow(Record):
    """One network of a pruning sequence.

    Attributes:
      parameters, multiply_adds: batch normalization folded, at the section's image size.
      milliseconds: median latency of a frame in LiteRT float32 on one thread.
      epochs: of this network's own training; None: unknown.
      mean_iou: 0 to 1, for each seed; `mean_iou_before`: before fine-tuning, empty if nothing was pruned.
    """

    name: str
    parameters: int
    multiply_adds: int
    milliseconds: float
    epochs: int | None
    mean_iou: tuple[float, ...]
    mean_iou_before: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class PruningSection(Measured):
    """A pruning sequence: `rows` from the widest network to the narrowest.

    `directly` is the last network, trained from random weights for all epochs together. `given`: changes of the recipe
    for all runs, `fine_tuning`: further changes after each pruning. `size`: (height, width) of the timed frames.
    """

    model: str
    images: int
    recipe: dict[str, Any]
    given: dict[str, Any]
    fine_tuning: dict[str, Any]
    seeds: tuple[int, ...]
    size: Size
    rows: tuple[PruningRow, ...]
    directly: PruningRow | None = None


@dataclasses.dataclass(frozen=True)
class BranchesRow(Record):
    """The network with both branches, or with one of them alone.

    Attributes:
      name: "both", "context" or "detail".
      mean_iou: of all pixels, 0 to 1; `class_iou` by class, None for a class that does not occur.
      near_borders: band width in pixels -> mean IoU of the pixels at most so far from a border between classes.
      interior: mean IoU of the pixels outside the widest band.
    """

    name: str
    mean_iou: float
    class_iou: dict[str, float | None]
    near_borders: dict[str, float | None]
    interior: float | None


@dataclasses.dataclass(frozen=True)
class BranchesSection(Measured):
    """The result of analyze_branches. `border_share`: band width in pixels -> its share of the labeled pixels."""

    model: str
    checkpoint: str
    images: int
    rows: tuple[BranchesRow, ...]
    border_share: dict[str, float]


@dataclasses.dataclass(frozen=True)
class RobustnessRow(Record):
    """The accuracy on changed images.

    Attributes:
      name: of the change, or "unchanged"; `text`: its description.
      mean_iou: 0 to 1; `class_iou` by class, None for a class that does not occur.
    """

    name: str
    text: str
    mean_iou: float
    class_iou: dict[str, float | None]


@dataclasses.dataclass(frozen=True)
class RobustnessSection(Measured):
    """The result of evaluate_robustness; the first row is that of the unchanged images."""

    model: str
    checkpoint: str
    images: int
    rows: tuple[RobustnessRow, ...]


@dataclasses.dataclass(frozen=True)
class PrecisionFile(Record):
    """An evaluated exported file."""

    bytes: int
    accuracy: Accuracy = dataclasses.field(default=Accuracy(), metadata=INLINED)


@dataclasses.dataclass(frozen=True)
class PrecisionSection(Measured):
    """The result of compare_precision: the exported files by name, the float32 file first."""

    files: dict[str, PrecisionFile]
