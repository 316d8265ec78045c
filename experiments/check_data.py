"""Checks a whole dataset and lists everything that is wrong with it, before training starts.

  python -m experiments.check_data --dataset=folder --data_dir=DIR --classes=classes.json --output_dir=check

Errors would break a run: files that are missing, unreadable or differ in size from their partner, label values and
colors that are not in the class table, a split without images. Warnings would not: fewer examples than published, the
same image twice, images of one split that look like one of another, classes that do not occur. Then prints how often
each class occurs in the images and in random crops as in training, by --recipe, --min_scale and --max_scale. The exit
status is 1 if there is an error. Takes some minutes for Cityscapes.

Checks the splits that train reads by the same flags, --train_splits and --val_split, and test if there is one.

With --output_dir, check_data.json and class_frequencies.svg are written there. --samples=24 also writes samples.html:
24 images with their labels drawn over them, and random crops of them as in training, also by the other augmentation
flags.

  python -m experiments.check_data --dataset=camvid --data_dir=DIR --samples=24 --appearance=1 --output_dir=check
"""

import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.sources import Example, Listing
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.instances import instance_problems
from contextnet_tf.files import atomic_write, ensure_writable_dir, write_json
from contextnet_tf.machine import available_cores
from contextnet_tf.models.registry import build_model
from contextnet_tf.plots import class_frequencies
from contextnet_tf.runs import data_check
from contextnet_tf.runs.data_check import CropCheck, DataCheck, SizeCount
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.training.recipe import Recipe, get_recipe
from experiments import common_flags, opening, program, recipe_flags
from experiments.progress import progress_bar
from experiments.splits import NO_VALIDATION, Splits

if TYPE_CHECKING:
    from contextnet_tf.datasets.inspection import Crops, Inspection

RARE = 0.05  # share of the crops below which a class is called rare in them

flags.DEFINE_integer(
    "samples",
    0,
    "Training images to show in samples.html, evenly spread; six views of each add about 0.1 MB. Default: no page.",
    lower_bound=0,
    upper_bound=200,
)
common_flags.key_flags(
    "crop_height",
    "crop_width",
    "recipe",
    "min_scale",
    "max_scale",
    "color_jitter",
    "white_balance",
    "appearance",
    "copy_paste_fraction",
    "train_splits",
    *common_flags.DATASET_FLAGS,
    **common_flags.UNRECORDED
    | {
        "val_split": f"Split to validate on; {NO_VALIDATION}: a run without validation. Default: val.",
        "model": "Name of the network that determines the default crop size. Default: cn14.",
        "output_dir": "Folder for check_data.json, class_frequencies.svg and samples.html. Default: none is written.",
    },
)


def run(
    *,
    dataset: str | None = None,
    data_dir: str | None = None,
    model: str = "cn14",
    crop_size: tuple[int, int] | None = None,
    output_dir: str | None = None,
    class_table: dict[str, Any] | None = None,
    num_samples: int = 0,
    recipe: Recipe | None = None,
    data_splits: Splits = Splits(),
) -> "tuple[Dataset, Inspection]":
    """Reads the dataset; returns its description and the findings. The arguments are the flags.

    `data_splits` are the splits that a run reads: each must have images. The split test is read if there is one.
    `recipe` None: "short". Its augmentation makes the random crops, also of the `num_samples` images in samples.html.
    """
    from contextnet_tf.datasets.inspection import inspect

    recipe = recipe or get_recipe("short")
    if num_samples and not output_dir:
        raise InputError("--samples writes a page; set --output_dir=...")
    description, data_dir = opening.find_dataset(
        dataset=dataset, data_dir=data_dir, class_table=class_table, default="streets"
    )
    if output_dir:
        ensure_writable_dir(output_dir)
    listings, problems, warnings = _listings(description, data_dir, data_splits)
    examples = [example for listing in listings.values() for example in listing.examples]
    crop_size = crop_size or _default_crop(description, examples, model)
    with progress_bar(total=len(examples), desc="reading", unit="image") as bar:
        found = inspect(
            description,
            listings,
            crop_size=crop_size,
            augmentation=recipe.augmentation,
            num_threads=available_cores(),
            train_splits=data_splits.train,
            on_image=bar.update,
        )
    found.problems[:0] = problems
    for listing in listings.values():
        more = instance_problems(description, listing.examples)
        found.problems.extend([problem for problem in more if problem not in found.problems])  # a label once
    found.warnings[:0] = warnings
    for lines in (found.problems, found.warnings):
        lines[:] = map(program.with_flags, lines)
    if output_dir:
        _write(pathlib.Path(output_dir), description, found)
    if output_dir and num_samples:
        from experiments import samples

        train = [x for split in data_splits.train if split in listings for x in listings[split].examples]
        page = samples.write_page(
            pathlib.Path(output_dir), description, train, count=num_samples, recipe=recipe, crop_size=crop_size
        )
        if page is None:
            found.warnings.append("no training image can be shown: none is readable with its label")
    return description, found


def _listings(
    dataset: Dataset, data_dir: str | None, data_splits: Splits
) -> tuple[dict[str, Listing], list[str], list[str]]:
    """The available splits, errors in the others, and warnings."""
    listings, problems, warnings = {}, [], []
    needed = [*data_splits.train, *([data_splits.validated] if data_splits.validated else [])]
    for split in dict.fromkeys([*needed, "test"]):
        try:
            if dataset.prepared and data_dir:
                opening.extract(dataset, data_dir, split)
            listings[split] = dataset.listing(data_dir, split)
        except InputError as error:
            if split in needed:
                problems.append(str(error))
            else:
                warnings.append(f"{split} is left out: {error}")
            continue
        short = dataset.missing_examples_note(split, listings[split].examples)
        warnings += [*([short] if short else []), *listings[split].notes]
    return listings, list(dict.fromkeys(problems)), warnings


def _default_crop(dataset: Dataset, examples: Sequence[Example], model: str) -> tuple[int, int]:
    """The default crop of training: the largest valid size within the first readable image."""
    from contextnet_tf.models.sizes import size_multiple
    from contextnet_tf.training.plan import default_crop

    network = build_model(model, num_classes=dataset.num_classes, input_shape=(None, None, 3))
    for example in examples:
        try:
            return default_crop(network, dataset.measured(example))
        except InputError:
            continue  # is reported when it is read
    return (size_multiple(network),) * 2  # without images there are no crops, so any size works


def _write(folder: pathlib.Path, dataset: Dataset, found: "Inspection") -> None:
    write_json(folder / data_check.FILE_NAME, _record(dataset, found).to_json())
    names = [label.name for label in dataset.classes]
    shares = {split: dict(zip(names, _shares(found, split), strict=True)) for split in found.class_pixels}
    if shares:
        colors = {label.name: label.color for label in dataset.classes}
        with atomic_write(folder / "class_frequencies.svg") as temporary:
            temporary.write_bytes(class_frequencies(shares, colors))


def _record(dataset: Dataset, found: "Inspection") -> DataCheck:
    crops = found.crops
    return DataCheck(
        errors=tuple(found.problems),
        warnings=tuple(found.warnings),
        images=found.images,
        sizes=tuple(SizeCount(height, width, count) for (height, width), count in found.sizes.most_common()),
        classes=tuple(label.name for label in dataset.classes),
        class_pixels={split: tuple(pixels.tolist()) for split, pixels in found.class_pixels.items()},
        ignored_pixels=found.ignored_pixels,
        class_images={split: tuple(images.tolist()) for split, images in found.class_images.items()},
        crops=crops
        and CropCheck(
            size=crops.size,
            number=crops.number,
            ignored=crops.ignored,
            padded=crops.padded,
            showing=tuple(crops.showing.tolist()),
            to_cover_an_image=crops.to_cover,
        ),
        dataset=dataset.name,
        provenance=current_provenance(),
    )


def summary(dataset: Dataset, found: "Inspection") -> str:
    """The findings as lines of text."""
    width = max([8, *(len(split) + 1 for split in found.images)])
    lines = [
        f"{split:{width}}{count:,} examples"
        + (f", {_ignored(found, split):.2%} of the pixels ignored" if split in found.class_pixels
           else ", without labels")
        for split, count in found.images.items()
        if count
    ]  # fmt: skip
    lines += _class_table(dataset, found) if found.class_pixels else []
    lines += _crop_lines(dataset, found.crops) if found.crops else []
    return "\n".join(lines)


def _ignored(found: "Inspection", split: str) -> float:
    ignored = found.ignored_pixels[split]
    return ignored / (ignored + int(found.class_pixels[split].sum()))


def _shares(found: "Inspection", split: str) -> list[float]:
    """The share of each class in the pixels that are not ignored."""
    pixels = found.class_pixels[split]
    return (pixels / max(1, pixels.sum())).tolist()


def _class_table(dataset: Dataset, found: "Inspection") -> list[str]:
    """One row per class: its share of the labeled pixels and its images in each split, and the crops that show it."""
    splits = list(found.class_pixels)
    widths = [max(16, len(split) + 9) for split in splits]
    head = "".join(f"{f'{split} pixels':>{width}}{'images':>10}" for split, width in zip(splits, widths, strict=True))
    rows = [f"{'class':20}{head}" + (f"{'crops':>8}" if found.crops else "")]
    for place, label in enumerate(dataset.classes):
        cells = "".join(
            f"{_shares(found, split)[place]:>{width}.2%}{found.class_images[split][place]:>10,}"
            for split, width in zip(splits, widths, strict=True)
        )
        crops = f"{found.crops.showing[place] / found.crops.number:>8.1%}" if found.crops else ""
        rows.append(f"{label.name:20}{cells}{crops}")
    return rows


def _crop_lines(dataset: Dataset, crops: "Crops") -> list[str]:
    height, width = crops.size
    shares = crops.showing / crops.number
    rare = [label.name for label, share in zip(dataset.classes, shares, strict=True) if share < RARE]
    return [
        f"crops of {height} x {width} (height x width), {crops.number:,} drawn: {crops.ignored:.1%} of their pixels "
        f"are ignored by the labels, {crops.padded:.1%} lie beyond the image; {crops.to_cover} cover an image",
        f"in less than {RARE:.0%} of the crops: {', '.join(rare) or 'no class'}",
    ]


def _counted(lines: Sequence[str], name: str) -> str:
    return f"{len(lines):,} {name}{'' if len(lines) == 1 else 's'}"


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    dataset, found = run(
        model=values.model or "cn14",
        crop_size=common_flags.given_size("crop_height", "crop_width"),
        output_dir=values.output_dir,
        **common_flags.given_dataset(),
        num_samples=values.samples,
        recipe=recipe_flags.changed(get_recipe(values.recipe), recipe_flags.given_changes()),
        data_splits=Splits(tuple(values.train_splits), values.val_split),
    )
    print(summary(dataset, found))
    for warning in found.warnings:
        print(f"warning: {warning}")
    for problem in found.problems:
        print(f"error: {problem}")
    print(f"{_counted(found.problems, 'error')}, {_counted(found.warnings, 'warning')}")
    if found.problems:
        sys.exit(1)


if __name__ == "__main__":
    program.run(main)
