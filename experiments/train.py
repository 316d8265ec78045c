"""Trains a network and keeps the one that does best on the validation split.

The paper: section 3.1 (recipe), Table 4 (cn18 60.1, cn14 65.9, cn12 68.7 % mean IoU on Cityscapes val
after up to 1000 epochs, --recipe=paper). On CamVid the recipe "short" takes 45 to 60 minutes on two cores.

  python -m experiments.train --dataset=camvid --data_dir=DIR --model=cn14 --recipe=short --output_dir=runs/camvid

The folder of the run then holds best.keras (the network), result.json, history.jsonl, tensorboard/ (look
with: tensorboard --logdir=runs), checkpoints/ (go on by --resume) and flags.txt (repeat by --flagfile).
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import tqdm
from absl import flags

from contextnet_tf.analysis.complexity import count_multiply_adds, count_parameters
from contextnet_tf.datasets import sources
from contextnet_tf.datasets.cache import PictureCache, disk_cache, in_megabytes, memory_cache
from contextnet_tf.datasets.catalog import Dataset, get_dataset
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.evaluate import Report
from contextnet_tf.models.registry import build_model
from contextnet_tf.models.sizes import padded_size, size_multiple
from contextnet_tf.reporting.results import environment, update_results
from contextnet_tf.training.loop import TrainResult, train
from contextnet_tf.training.recipe import Recipe, get_recipe
from experiments import program

flags.DEFINE_integer("epochs", None, "Passes over the training pictures. Default: the recipe's.", lower_bound=1)
flags.DEFINE_integer("batch_size", None, "Pictures in a step. Default: the recipe's.", lower_bound=1)
flags.DEFINE_bool("whole_pictures", False, "Train on whole pictures with a border up to what the network takes.")
flags.DEFINE_float("min_scale", None, "Smallest random scale. Default: the recipe's.", lower_bound=0.1, upper_bound=10)
flags.DEFINE_float("max_scale", None, "Largest random scale. Default: the recipe's.", lower_bound=0.1, upper_bound=10)
flags.DEFINE_float("colours", None, "Factor on the recipe's changes of colour: 0.5 halves them.", lower_bound=0)
flags.DEFINE_float(
    "class_uniform", None, "Share of samples centred on each class in turn. Default: the recipe's.", 0, 1
)
flags.DEFINE_float(
    "class_balance", None, "A class counts with frequency ** -this in the loss. Default: the recipe's.", lower_bound=0
)
flags.DEFINE_string(
    "cache", None, "Keep decoded training pictures: memory, or a folder for them. Default: decode them each time."
)
flags.DEFINE_bool("resume", False, "Go on from the newest checkpoint in --output_dir, if there is one.")
program.key_flags("model", "dataset", "data_dir", "output_dir", "recipe", "seed", "crop_height", "crop_width")


def run(
    *,
    model: str = "cn14",
    dataset: str,
    data_dir: str | None,
    output_dir: str,
    recipe: str,
    seed: int = 0,
    epochs: int | None = None,
    batch_size: int | None = None,
    crop_size: tuple[int, int] | None = None,
    whole_pictures: bool = False,
    min_scale: float | None = None,
    max_scale: float | None = None,
    colours: float | None = None,
    class_uniform: float | None = None,
    class_balance: float | None = None,
    cache: str | None = None,
    resume: bool = False,
    given_flags: dict[str, Any] | None = None,
) -> TrainResult:
    """Trains and writes the run's folder; the arguments are the flags."""
    started_in = environment()
    description = get_dataset(dataset)
    if whole_pictures and crop_size:
        raise InputError("--whole_pictures and --crop_height do not go together; give one of them")
    changes = {
        "epochs": epochs,
        "batch_size": batch_size,
        "crop": "whole" if whole_pictures else None,
        "class_uniform": class_uniform,
        "class_balance": class_balance,
    }
    used_recipe = _changed(get_recipe(recipe), changes, (min_scale, max_scale), colours)
    keras.utils.set_random_seed(seed)
    network = build_model(
        model, num_classes=description.num_classes, input_shape=(None, None, 3), aux_head=True
    )
    splits = {split: description.list_examples(data_dir, split) for split in ("train", "val")}
    for examples in splits.values():
        sources.check_files(examples)
    pictures = _announced_cache(cache, description, splits["train"]) if cache else None
    with _Progress(used_recipe.batch_size) as progress:
        result = train(
            network,
            used_recipe,
            description,
            splits["train"],
            splits["val"],
            output_dir=output_dir,
            crop_size=crop_size,
            seed=seed,
            resume=resume,
            cache=pictures,
            on_step=progress.step,
            on_validation=progress.validation,
        )
    update_results(
        output_dir,
        model=_model_section(model, description, size_multiple(network)),
        dataset=_dataset_section(description, data_dir, len(splits["val"])),
        training={
            "recipe": used_recipe.to_json(),
            "seed": seed,
            "steps": result.steps,
            "epochs": used_recipe.epochs,
            "minutes": result.minutes,
            "best_step": result.best_step,
        },
        evaluation=result.report.to_json() | {"checkpoint": result.network_path.name},
        flags={"train": given_flags or {}},
        **started_in,
    )
    return result


def _changed(
    recipe: Recipe, changes: dict[str, Any], scale: tuple[float | None, float | None], colours: float | None
) -> Recipe:
    """The recipe with the fields that are not None in their place."""
    augmentation = recipe.augmentation if colours is None else recipe.augmentation.with_colours(colours)
    low, high = (given or own for given, own in zip(scale, augmentation.scale, strict=True))
    if low > high:
        raise InputError(f"the scales go from {low} to {high}; give --min_scale and --max_scale the other way round")
    given = {name: value for name, value in changes.items() if value is not None}
    return dataclasses.replace(recipe, augmentation=dataclasses.replace(augmentation, scale=(low, high)), **given)


def _announced_cache(where: str, dataset: Dataset, examples: Sequence[sources.Example]) -> PictureCache:
    """Makes the cache and says what it will take."""
    in_memory = where == "memory"
    made = memory_cache(examples) if in_memory else disk_cache(where, dataset, examples)
    taken = in_megabytes(made.missing_bytes) + (" of memory" if in_memory else f" more in {where}")
    print(f"cache: {made.pictures} pictures take {taken}", flush=True)
    return made


class _Progress:
    """A bar that shows step, loss, learning rate, pictures a second and the time left."""

    def __init__(self, batch_size: int):
        self._batch_size = batch_size
        self._bar = None

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, step: int, steps: int, record: dict[str, float]) -> None:
        """Moves the bar to `step`."""
        if self._bar is None:
            # Begun with the first finished step, so that its compilation does not spoil the time left.
            self._bar = tqdm.tqdm(
                total=steps,
                initial=step - 1,
                bar_format="step {n_fmt}/{total_fmt} {percentage:3.0f}% |{bar}| {elapsed}, {remaining} left{postfix}",
                dynamic_ncols=True,
                smoothing=0.05,
            )
        self._bar.update()
        speed = self._bar.format_dict["rate"] or 0.0
        self._bar.set_postfix_str(
            f"loss {record['loss']:.3f}, rate {record['learning_rate']:.1e}, "
            f"{speed * self._batch_size:.1f} pictures/s",
            refresh=False,
        )

    def validation(self, step: int, report: Report) -> None:
        """Says how the validation went, above the bar."""
        self._bar.write(
            f"step {step}: validation mean IoU {100 * report.mean_iou:.1f} %, "
            f"pixel accuracy {100 * report.pixel_accuracy:.1f} %"
        )


def _model_section(name: str, dataset: Dataset, multiple: int) -> dict[str, Any]:
    size = padded_size(dataset.picture_size, multiple)
    network = build_model(name, num_classes=dataset.num_classes, input_shape=(*size, 3))
    return {
        "name": name,
        "num_classes": dataset.num_classes,
        "input_size": list(size),
        "parameters": count_parameters(network, folded=False),
        "parameters_folded": count_parameters(network, folded=True),
        "multiply_adds": count_multiply_adds(network),
    }


def _dataset_section(dataset: Dataset, data_dir: str | None, pictures: int) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "split": "val",
        "pictures": pictures,
        "data_dir": data_dir or dataset.default_data_dir,
        "classes": [
            {"name": label.name, "category": label.category, "colour": list(label.colour)}
            for label in dataset.classes
        ],
    }


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    output_dir = program.required("output_dir")
    result = run(
        model=values.model or "cn14",
        dataset=values.dataset or "streets",
        data_dir=values.data_dir,
        output_dir=output_dir,
        recipe=values.recipe,
        seed=values.seed,
        epochs=values.epochs,
        batch_size=values.batch_size,
        crop_size=program.given_size("crop_height", "crop_width"),
        whole_pictures=values.whole_pictures,
        min_scale=values.min_scale,
        max_scale=values.max_scale,
        colours=values.colours,
        class_uniform=values.class_uniform,
        class_balance=values.class_balance,
        cache=values.cache,
        resume=values.resume,
        given_flags=program.given_flags(),
    )
    program.write_flagfile(f"{output_dir}/flags.txt")
    print(
        f"best validation: mean IoU {100 * result.report.mean_iou:.2f} % at step {result.best_step} "
        f"of {result.steps}, {result.minutes:.0f} minutes\n"
        f"network: {result.network_path}\n"
        f"export it:  python -m experiments.export --checkpoint={output_dir} --output_dir={output_dir}"
    )


if __name__ == "__main__":
    program.run(main)
