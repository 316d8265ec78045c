"""Images of a dataset and their training crops, for check_data."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.sampling import shuffled_index
from contextnet_tf.datasets.sources import Example, read_example
from contextnet_tf.datasets.sources.example import evenly_spread
from contextnet_tf.errors import InputError
from contextnet_tf.reporting.samples import ShownExample, write_samples
from contextnet_tf.reporting.wording import setting, significant
from contextnet_tf.training.plan import TrainingPlan
from contextnet_tf.training.recipe import Recipe

_CROPS = 2  # of each image
_SEED = 0


def write_page(
    folder: pathlib.Path,
    dataset: Dataset,
    examples: Sequence[Example],
    *,
    count: int,
    recipe: Recipe,
    crop_size: tuple[int, int],
) -> pathlib.Path | None:
    """Writes samples.html: `count` readable examples with labels, evenly spread over `examples`.

    Crops are made as in training by `recipe`, but each image has the same number: without class-uniform sampling.

    Returns: the path; None if no example is readable.
    """
    readable = [each for each in evenly_spread(examples, count) if _is_readable(each, dataset)]
    if not readable:
        return None
    # Epochs of single images: sample k shows image `shuffled_index(k)`, each once an epoch.
    recipe = dataclasses.replace(recipe, epochs=_CROPS, batch_size=1, class_uniform_fraction=0.0)
    plan = TrainingPlan(recipe, dataset, readable, [], crop_size, _SEED)
    crops: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in readable]
    for sample, batch in enumerate(plan.batches(0, plan.steps, plan.sampling(), None)):
        image = np.round(255 * batch["image"][0].numpy()).astype(np.uint8)
        crops[int(shuffled_index(np.int64(sample), len(readable), _SEED))].append((image, batch["label"][0].numpy()))
    shown = [
        ShownExample(example.name, read_example(example, dataset), own)
        for example, own in zip(readable, crops, strict=True)
    ]
    return write_samples(
        folder,
        shown,
        dataset=dataset.name,
        classes={label.name: label.color for label in dataset.classes},
        settings=_settings(recipe, crop_size),
    )


def _is_readable(example: Example, dataset: Dataset) -> bool:
    if example.label_path is None:
        return False
    try:
        read_example(example, dataset)
    except InputError:  # check_data names it
        return False
    return True


def _settings(recipe: Recipe, crop_size: tuple[int, int]) -> Mapping[str, str]:
    ranges: dict[str, Any] = {"recipe": recipe.name, "crop": f"{crop_size[0]} × {crop_size[1]}"}
    ranges |= {name: value for name, value in dataclasses.asdict(recipe.augmentation).items() if value}
    if recipe.copy_paste_fraction:
        ranges["copy-paste"] = recipe.copy_paste_fraction
    ranges["scale"] = " to ".join(map(significant, recipe.augmentation.scale))
    return {name: significant(value, 3) if type(value) is float else setting(value) for name, value in ranges.items()}
