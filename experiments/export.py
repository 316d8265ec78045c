"""Makes a trained network ready for a device: SavedModel and TFLite files that take uint8 images.

Batch normalization is folded (section 3.1 of the paper), the normalization of the image is inside, and the
written files are run and compared with the network before they replace older ones. Half a minute.

  python -m experiments.export --checkpoint=runs/camvid --output_dir=runs/camvid
  python -m experiments.export --checkpoint=runs/camvid --output_dir=runs/camvid --precision=int8

The first writes export/saved_model and export/model.tflite with model.json into --output_dir, the second
export/model_int8.tflite; --output=labels adds "_labels" to the name. int8 is calibrated on training images;
export/model_int8_layers.json then has the error of each layer, and --float_layers keeps those that suffer in
float32. All go into the section "export" of result.json. The files take images of one size, by default that of
the dataset's images, padded to what the network takes. tf.saved_model.load and LiteRT run them without this
package.
"""

import dataclasses
import os
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from absl import flags

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.sources import read_image
from contextnet_tf.deployment.conversion import OUTPUTS
from contextnet_tf.deployment.export import PRECISIONS, export_saved_model, export_tflite
from contextnet_tf.deployment.layer_errors import layer_errors
from contextnet_tf.deployment.parity import Parity, check_parity
from contextnet_tf.deployment.resizing import most_padding, resize_image
from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write_dir, ensure_writable_dir, write_json
from contextnet_tf.models.sizes import padded_size, size_multiple
from contextnet_tf.reporting.exported import file_lines
from contextnet_tf.reporting.images import evenly_spread
from contextnet_tf.runs import layout
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import read_results, update_results
from contextnet_tf.runs.sections import ExportedFile, ExportSection
from experiments import opening, program

FORMATS = ("saved_model", "tflite")
IMAGES_TO_CHECK = 4
# On CamVid 4, 16, 50, 100 and 367 images cost 0.22, 0.29, 0.27, 0.33 and 0.25 points of mean IoU: nothing to choose
# between; 50 take five seconds and leave a rare scene its chance.
CALIBRATION_IMAGES = 50
# What a file may differ from its network: the largest difference of a logit as a share of the largest logit, and
# the least share of pixels with the same label. Seen on CamVid: 1e-5 and less, 100 %; 1e-3, 99.99 %; 0.07, 99.3 %.
LIMITS = {"float32": (1e-3, 0.999), "float16": (0.02, 0.99), "int8": (1.0, 0.8)}

flags.DEFINE_string(
    "format", None, f"What to write: {', '.join(FORMATS)} or both. Default: both, or tflite where only that can be."
)
flags.DEFINE_string("output", "logits", f"What the TFLite file gives: {', '.join(OUTPUTS)}.")
flags.DEFINE_integer("height", None, "Height of the files' images. Default: the dataset's, padded to fit.")
flags.DEFINE_integer("width", None, "Width of the files' images. Default: the dataset's, padded to fit.")
flags.DEFINE_integer(
    "calibration_images", CALIBRATION_IMAGES, "For int8: how many images of the training split it is fitted to."
)
flags.DEFINE_bool(
    "tiling", True, "Compute float files in pieces that stay in a processor's caches; not for GPU delegates."
)
flags.DEFINE_list("float_layers", [], "For int8: names of layers that stay in float32, see the file of layer errors.")
program.key_flags("checkpoint", "model", *program.DATASET_FLAGS, "output_dir", "precision")


def run(
    *,
    checkpoint: str,
    model: str | None = None,
    dataset: str | None = None,
    data_dir: str | None = None,
    output_dir: str,
    formats: Sequence[str] | None = None,
    precision: str = "float32",
    output: str = "logits",
    size: tuple[int, int] | None = None,
    calibration_images: int = CALIBRATION_IMAGES,
    float_layers: Sequence[str] = (),
    tiling: bool = True,
    class_table: dict[str, Any] | None = None,
    given_flags: dict[str, Any] | None = None,
) -> ExportSection:
    """Exports, checks and returns the section "export" of result.json; the arguments are the flags.

    `dataset`, `data_dir` and `class_table` None: those that the result.json beside the checkpoint names, if any.
    """
    provenance = current_provenance()
    formats = _formats(formats, precision, output)
    network = opening.open_network(checkpoint, model=model)
    file = opening.checkpoint_file(checkpoint)
    resolved = opening.find_dataset(
        dataset=dataset, data_dir=data_dir, class_table=class_table, recorded_in=opening.recording_dirs(file)
    )
    description, found_dir = resolved or (None, None)
    dataset = description and description.name
    found = _validation_images(description, found_dir, bool(data_dir)) if description else []
    size = size or _default_size(network, description, found)

    def fitted(images: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [resize_image(image, size, most_padding("auto", size_multiple(network))) for image in images]

    images = np.stack(fitted(found) or _noise(size))
    settings = {"size": size, "dataset": description, "commit": provenance.commit}
    settings["notes"] = {"accuracy": _measured(file)}
    tflite = settings | {"precision": precision, "output": output}
    tflite |= {"float_layers": float_layers, "tiling": tiling}
    if precision == "int8":
        tflite["calibration"] = fitted(_training_images(description, found_dir, calibration_images))
        tflite["notes"] = settings["notes"] | {"calibration_split": f"{dataset} train"}
    checked_with = f"{len(found)} images of {description.name} val" if found else "noise"
    folder = ensure_writable_dir(pathlib.Path(output_dir) / layout.EXPORT)
    files = {}
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as staging:
        for name in formats:
            path = pathlib.Path(staging) / (name if name == "saved_model" else tflite_name(precision, output))
            if name == "saved_model":
                export_saved_model(network, path, **settings)
            else:
                export_tflite(network, path, **tflite)
            agreement = _checked(path, network, images, LIMITS[precision])
            files[path.name] = ExportedFile.of(
                path,
                agreement,
                input_size=size,
                precision=precision,
                checked_with=checked_with,
                dataset=description.name if found else None,
                split="val" if found else None,
                provenance=provenance,
            )
        if precision == "int8":
            errors = _layer_errors(path, network, size, images)
            write_json(path.with_name(f"{path.stem}_layers.json"), errors)
            files[path.name] = dataclasses.replace(
                files[path.name], calibration_images=calibration_images, layer_errors=errors
            )
        _move_contents(pathlib.Path(staging), folder)
    section = (read_results(output_dir, missing_ok=True).export or ExportSection()).with_files(files)
    used = (given_flags or {}) | {"dataset": dataset}
    update_results(output_dir, section, flags={"export": used})
    return section


def tflite_name(precision: str, output: str) -> str:
    """The name of a TFLite file: of float32 logits model.tflite, otherwise what it is else stands in it."""
    parts = ["model", *([precision] if precision != "float32" else []), *([output] if output != "logits" else [])]
    return f"{'_'.join(parts)}.tflite"


def _formats(formats: Sequence[str] | None, precision: str, output: str) -> Sequence[str]:
    """The formats to write, those that can be where none are asked for; unknown words are refused."""
    for what, value, known in (("precision", precision, PRECISIONS), ("output", output, OUTPUTS)):
        if value not in known:
            raise InputError(f"--{what}={value}: choose from {', '.join(known)}")
    unknown = [name for name in formats or () if name not in FORMATS]
    if unknown:
        raise InputError(f"--format={unknown[0]}: choose from {', '.join(FORMATS)}, both")
    only_tflite = (precision, output) != ("float32", "logits")
    if formats and only_tflite and "saved_model" in formats:
        raise InputError("a SavedModel is float32, with logits and labels: leave out --precision and --output for it")
    return formats or (("tflite",) if only_tflite else FORMATS)


def _measured(checkpoint: pathlib.Path) -> dict[str, Any] | None:
    """What the network reached, and on which data, by the result.json beside the checkpoint; None: not measured."""
    evaluation = read_results(checkpoint.parent, missing_ok=True).evaluation
    if evaluation is None or evaluation.accuracy.mean_iou is None or evaluation.checkpoint != checkpoint.name:
        return None
    return {
        "mean_iou": evaluation.accuracy.mean_iou,
        "dataset": evaluation.dataset,
        "split": evaluation.split,
        "of": "the network, not this file",
    }


def _training_images(dataset: Dataset | None, data_dir: str | None, count: int) -> list[np.ndarray]:
    if dataset is None:
        raise InputError("int8 is calibrated on training images: say --dataset=... and --data_dir=...")
    examples = program.list_examples(dataset, data_dir, "train")
    if len(examples) < count:
        raise InputError(
            f"--calibration_images={count}: {dataset.name} has {len(examples)} training images; ask for that many"
        )
    return [read_image(x.image_path) for x in evenly_spread(examples, count)]


def _layer_errors(
    path: pathlib.Path, network: keras.Model, size: tuple[int, int], images: np.ndarray
) -> dict[str, float]:
    """The error of each layer of the file `path`, beside a float32 file of the same network."""
    with tempfile.TemporaryDirectory() as folder:
        reference = pathlib.Path(folder) / "float32.tflite"
        export_tflite(network, reference, size=size, tiling=False)
        return layer_errors(reference, path, images)


def _validation_images(dataset: Dataset, data_dir: str | None, required: bool) -> list[np.ndarray]:
    """A few validation images; none where they are not on this machine and not `required`."""
    try:
        examples = dataset.list_examples(data_dir, "val")
    except InputError:
        if required:
            raise
        return []
    return [read_image(x.image_path) for x in evenly_spread(examples, IMAGES_TO_CHECK)]


def _default_size(network: keras.Model, dataset: Dataset | None, images: Sequence[np.ndarray]) -> tuple[int, int]:
    own = tuple(network.input_shape[1:3])
    if None not in own:
        return own
    if dataset is None:
        raise InputError("no size is known: say --height=... and --width=..., or --dataset=...")
    size = images[0].shape[:2] if images else dataset.image_size
    if size is None:
        raise InputError(f"no image of {dataset.name} is there for its size: say --height=... and --width=...")
    return padded_size(size, size_multiple(network))


def _noise(size: tuple[int, int]) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8))


def _checked(path: pathlib.Path, network: keras.Model, images: np.ndarray, limits: tuple[float, float]) -> Parity:
    agreement = check_parity(path, network, images)
    share = (agreement.largest_difference or 0.0) / agreement.largest_logit  # a file of labels has no difference
    if share > limits[0] or agreement.label_parity < limits[1]:
        raise InputError(
            f"{path.name}: does not compute what the network computes (logits differ by up to {share:.1e} of "
            f"the largest, {agreement.label_parity:.2%} of the labels agree); nothing was written"
        )
    return agreement


def _move_contents(source: pathlib.Path, target: pathlib.Path) -> None:
    """Moves what stands in `source` into `target`, in the place of what has the same name there."""
    for path in source.iterdir():
        if path.is_dir():
            with atomic_write_dir(target / path.name) as empty:
                os.replace(path, empty)
        else:
            os.replace(path, target / path.name)


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    output_dir = program.required("output_dir")
    asked = {None: None, "both": FORMATS}.get(values.format, (values.format,))
    section = run(
        checkpoint=program.required("checkpoint"),
        model=values.model,
        dataset=values.dataset,
        data_dir=values.data_dir,
        output_dir=output_dir,
        formats=asked,
        precision=values.precision,
        output=values.output,
        size=program.given_size("height", "width"),
        calibration_images=values.calibration_images,
        float_layers=values.float_layers,
        tiling=values.tiling,
        class_table=program.given_class_table(),
        given_flags=program.given_flags(),
    )
    name = tflite_name(values.precision, values.output)
    formats = _formats(asked, values.precision, values.output)
    for written in [*(["saved_model"] if "saved_model" in formats else []), *([name] if "tflite" in formats else [])]:
        print(file_lines(output_dir, section.files[written]))
    if "tflite" in formats:
        command = f"python -m experiments.predict --checkpoint={output_dir}/export/{name}"
        print(f"use it: {command} --input=IMAGE --output_dir=FOLDER")


if __name__ == "__main__":
    program.run(main)
