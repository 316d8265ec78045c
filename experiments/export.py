"""Makes a trained network ready for a device: SavedModel and TFLite files that take uint8 pictures.

Batch normalization is folded (section 3.1 of the paper), the normalization of the picture is inside, and the
written files are run and compared with the network before they replace older ones. Half a minute.

  python -m experiments.export --checkpoint=runs/camvid --output_dir=runs/camvid

Writes export/saved_model and export/model.tflite with model.json into --output_dir, and the section "export"
of its result.json. The files take pictures of one size, by default that of the data set's pictures, padded to
what the network takes. tf.saved_model.load and LiteRT run them without this package.
"""

import os
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from absl import flags

from contextnet_tf.datasets.catalog import Dataset, get_dataset
from contextnet_tf.datasets.sources import read_image
from contextnet_tf.deployment.agreement import Agreement, check_export
from contextnet_tf.deployment.export import export_saved_model, export_tflite
from contextnet_tf.deployment.fitting import fit_picture
from contextnet_tf.errors import InputError
from contextnet_tf.files import make_folder, replacing_folder
from contextnet_tf.models.loading import load_network, network_path
from contextnet_tf.models.sizes import padded_size, size_multiple
from contextnet_tf.reporting.pictures import evenly_spread
from contextnet_tf.reporting.results import environment, recorded_dataset, recorded_definition, update_results
from experiments import program

FORMATS = {
    "saved_model": ("saved_model", export_saved_model),
    "tflite": ("model.tflite", export_tflite),
}
PICTURES_TO_CHECK = 4
MOST_DIFFERENCE = 1e-3  # of the largest logit; float32 files differ by 1e-5 and less
LEAST_AGREEMENT = 0.999  # share of pixels with the same label

flags.DEFINE_enum("format", "all", [*FORMATS, "all"], "What to write: a SavedModel, a TFLite file, or both.")
flags.DEFINE_integer("height", None, "Height of the files' pictures. Default: the data set's, padded to fit.")
flags.DEFINE_integer("width", None, "Width of the files' pictures. Default: the data set's, padded to fit.")
program.key_flags("checkpoint", "model", *program.DATASET_FLAGS, "output_dir")


def run(
    *,
    checkpoint: str,
    model: str | None = None,
    dataset: str | None = None,
    data_dir: str | None = None,
    output_dir: str,
    formats: Sequence[str] = tuple(FORMATS),
    size: tuple[int, int] | None = None,
    definition: dict[str, Any] | None = None,
    given_flags: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Exports, checks and returns the section "export" of result.json; the arguments are the flags.

    `dataset`, `data_dir` and `definition` None: those that the result.json beside the checkpoint names, if any.
    """
    network = load_network(checkpoint, model=model)
    run_dirs = [network_path(checkpoint).parent]
    dataset, found_dir = recorded_dataset(run_dirs, dataset, data_dir)
    definition = definition or recorded_definition(run_dirs, dataset)
    description = get_dataset(dataset, definition) if dataset else None
    found = _validation_pictures(description, found_dir, bool(data_dir)) if description else []
    size = size or _default_size(network, description, found)
    pictures = [fit_picture(picture, size, size_multiple(network)) for picture in found] or _noise(size)
    settings = {"size": size, "dataset": description, "commit": environment()["commit"]}
    folder = make_folder(pathlib.Path(output_dir) / "export")
    section: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as staging:
        agreements = []
        for name in formats:
            file_name, export = FORMATS[name]
            path = pathlib.Path(staging) / file_name
            export(network, path, **settings)
            agreements.append(_checked(path, network, np.stack(pictures)))
            section[name] = f"export/{file_name}"
        _move_contents(pathlib.Path(staging), folder)
    if "tflite" in formats:
        section["tflite_bytes"] = (folder / "model.tflite").stat().st_size
    section |= {
        "input_size": list(size),
        "largest_logit_difference": max(x.largest_difference for x in agreements),
        "largest_logit": max(x.largest_logit for x in agreements),
        "label_agreement": min(x.label_agreement for x in agreements),
        "checked_with": f"{len(found)} pictures of {description.name} val" if found else "noise",
    }
    used = (given_flags or {}) | {"dataset": dataset}
    update_results(output_dir, export=section, flags={"export": used})
    return section


def _validation_pictures(dataset: Dataset, data_dir: str | None, required: bool) -> list[np.ndarray]:
    """A few validation pictures; none where they are not on this machine and not `required`."""
    try:
        examples = dataset.list_examples(data_dir, "val")
    except InputError:
        if required:
            raise
        return []
    return [read_image(x.image_path) for x in evenly_spread(examples, PICTURES_TO_CHECK)]


def _default_size(
    network: keras.Model, dataset: Dataset | None, pictures: Sequence[np.ndarray]
) -> tuple[int, int]:
    own = tuple(network.input_shape[1:3])
    if None not in own:
        return own
    if dataset is None:
        raise InputError("no size is known: say --height=... and --width=..., or --dataset=...")
    size = pictures[0].shape[:2] if pictures else dataset.picture_size
    if size is None:
        raise InputError(f"no picture of {dataset.name} is at hand to take the size from: say --height=... and --width=...")
    return padded_size(size, size_multiple(network))


def _noise(size: tuple[int, int]) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8))


def _checked(path: pathlib.Path, network: keras.Model, pictures: np.ndarray) -> Agreement:
    agreement = check_export(path, network, pictures)
    share = agreement.largest_difference / agreement.largest_logit
    if share > MOST_DIFFERENCE or agreement.label_agreement < LEAST_AGREEMENT:
        raise InputError(
            f"{path.name}: does not compute what the network computes (logits differ by up to {share:.1e} of "
            f"the largest, {agreement.label_agreement:.2%} of the labels agree); nothing was written"
        )
    return agreement


def _move_contents(source: pathlib.Path, target: pathlib.Path) -> None:
    """Moves what stands in `source` into `target`, in the place of what has the same name there."""
    for path in source.iterdir():
        if path.is_dir():
            with replacing_folder(target / path.name) as empty:
                os.replace(path, empty)
        else:
            os.replace(path, target / path.name)


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    output_dir = program.required("output_dir")
    section = run(
        checkpoint=program.required("checkpoint"),
        model=values.model,
        dataset=values.dataset,
        data_dir=values.data_dir,
        output_dir=output_dir,
        formats=tuple(FORMATS) if values.format == "all" else (values.format,),
        size=program.given_size("height", "width"),
        definition=program.given_definition(),
        given_flags=program.given_flags(),
    )
    height, width = section["input_size"]
    for name in FORMATS:
        if name in section:
            print(f"{name:12}{output_dir}/{section[name]}")
    print(
        f"pictures    {height} x {width} (height x width), uint8, RGB\n"
        f"checked     with {section['checked_with']}: {section['label_agreement']:.3%} of the labels agree, "
        f"logits differ by {section['largest_logit_difference']:.1e} at most"
    )
    if "tflite" in section:
        command = f"python -m experiments.predict --checkpoint={output_dir}/{section['tflite']}"
        print(f"use it:     {command} --input=PICTURE --output_dir=FOLDER")


if __name__ == "__main__":
    program.run(main)
