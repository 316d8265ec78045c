"""The rows of an ablation, and the selection of rows."""

import dataclasses
import re
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from contextnet_tf.errors import InputError
from contextnet_tf.models.spec import ContextNetSpec
from contextnet_tf.reporting import paper
from contextnet_tf.training.recipe import Recipe
from experiments import recipe_flags

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class Row:
    """One row: a network to train, or one that is made of other rows' trained networks.

    Attributes:
      name: name in the table.
      changes: changes of the recipe, by flag name.
      model: name or spec of the network; None: the ablation's network.
      against: name of the row to compare with; None: the first row.
      paper_mean_iou, paper_category_iou: the paper's figures, in percent.
      paper_frames_per_second: the paper's figure.
      paper_million_parameters: the paper's figure.
      made_of: names of the rows whose networks `make` combines, in order; empty for a trained row.
      make: from trained networks to the network of this row, which is evaluated but not trained.
    """

    name: str
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    model: str | ContextNetSpec | None = None
    against: str | None = None
    paper_mean_iou: float | None = None
    paper_category_iou: float | None = None
    paper_frames_per_second: float | None = None
    paper_million_parameters: float | None = None
    made_of: tuple[str, ...] = ()
    make: "Callable[[Sequence[keras.Model]], keras.Model] | None" = None


def paper_row(name: str, model: str) -> Row:
    """The row of a network of Table 4, with the paper's figures."""
    printed = paper.variant(model)
    return Row(name, model=model, paper_mean_iou=printed.mean_iou, paper_frames_per_second=printed.frames_per_second)


@dataclasses.dataclass(frozen=True)
class Ablation:
    """The rows and settings of an ablation program.

    Attributes:
      program: name of the program.
      title: heading of the page.
      rows: the first is the reference.
      recipe: name of the recipe unless --recipe names another.
      changes: of the recipe, for all rows; a person's flags and a row's own changes take precedence.
    """

    program: str
    title: str
    rows: tuple[Row, ...]
    recipe: str = "modern"
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def chosen_rows(rows: Sequence[Row], numbers: Sequence[int] | None, recipe: Recipe) -> list[Row]:
    """The rows with these numbers (None: all), the first row, and all rows that they are compared with or made of.

    Raises:
      InputError: a number is out of range, or two rows train the same from `recipe`.
    """
    check_numbers(numbers, len(rows))
    wanted = {rows[0].name} | {rows[number].name for number in (range(len(rows)) if numbers is None else numbers)}
    for row in reversed(rows):
        if row.name in wanted:
            wanted |= {*row.made_of, *([row.against] if row.against else [])}
    chosen = [number for number, row in enumerate(rows) if row.name in wanted]
    refuse_alike(
        {number: rows[number].name for number in chosen},
        {
            number: (str(rows[number].model or rows[0].model), recipe_flags.changed(recipe, rows[number].changes))
            for number in chosen
            if not rows[number].make
        },
        {number: {*rows[number].made_of, rows[number].against} for number in chosen},
    )
    return [rows[number] for number in chosen]


def check_numbers(numbers: Sequence[int] | None, count: int) -> None:
    """Checks the numbers of `rows` against the `count` rows of a table; None means all.

    Raises:
      InputError: a number is out of range.
    """
    wrong = [number for number in numbers or () if not 0 <= number < count]
    if wrong:
        raise InputError(f"`rows={wrong[0]}`: the rows are 0 to {count - 1}")


def refuse_alike(
    names: Mapping[int, str],
    trained: Mapping[int, tuple[Any, Recipe]],
    needed: Mapping[int, Collection[str | None]] = types.MappingProxyType({}),
) -> None:
    """Refuses rows that train the same, which a flag given for all rows can cause.

    Args:
      names: the names of the rows, by number.
      trained: the recipe of each trained row, and what else sets it apart.
      needed: the names of the rows that a row cannot be without.

    Raises:
      InputError: two rows train the same; the message says which rows can be trained without the later one.
    """
    before: dict[Any, int] = {}
    for number, (other, recipe) in trained.items():
        if recipe.class_weights == "enet":
            recipe = dataclasses.replace(recipe, class_weight_exponent=0.0)  # has no effect
        first = before.setdefault((other, str(recipe)), number)
        if first != number:
            kept = (x for x in names if x != number and names[number] not in needed.get(x, ()))
            raise InputError(
                f"row {number}, {names[number]}, trains the same as row {first}, {names[first]}, here; leave it out by "
                f"--rows={','.join(map(str, kept))}"
            )


def run_name(
    network: str | ContextNetSpec,
    recipe: Recipe,
    changes: Mapping[str, Any],
    seed: int,
    common_crop: tuple[int, int] | None = None,
) -> str:
    """The folder name of a run: its network, the effective changes of `recipe`, its seed, and an ablation's own crop.

    Identical runs of different ablations have the same name; with one --runs_dir they share the folder.
    """
    real = {name: value for name, value in changes.items() if recipe_flags.changed(recipe, {name: value}) != recipe}
    described = [f"{name}-{value:g}" if isinstance(value, float) else f"{name}-{value}"
                 for name, value in sorted(real.items())]  # fmt: skip
    name = network if isinstance(network, str) else network.name
    crop = [f"crop{common_crop[0]}x{common_crop[1]}"] if common_crop else []
    return in_file_name("-".join([name, *described, *crop, f"seed{seed}"]))


def in_file_name(text: str) -> str:
    """The text with a hyphen for every run of characters other than letters, digits and points."""
    return re.sub("[^A-Za-z0-9.]+", "-", text)
