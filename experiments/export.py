"""Exports a trained network for a device, as SavedModel, TFLite and ONNX files that take uint8 images.

Batch normalization is folded (section 3.1 of the paper), and the files normalize the images themselves. Each file is
run and compared with the network before it replaces an older one. Takes half a minute.

  python -m experiments.export --checkpoint=runs/camvid --output_dir=runs/camvid
  python -m experiments.export --checkpoint=runs/camvid --output_dir=runs/camvid --precision=int8
  python -m experiments.export --checkpoint=runs/camvid --output_dir=runs/camvid --format=onnx

The first command writes export/saved_model and export/model.tflite, with its metadata in model.json, into
--output_dir; the second writes export/model_int8.tflite. --output=labels adds "_labels" to the name. The precision
int8 is calibrated on training images. The error of each of its layers goes into export/model_int8_layers.json; list
the worst layers in --float_layers to keep them in float32. The third command writes export/model.onnx, with its
metadata inside; it needs the extra [onnx]. --image_type, --dynamic_batch and --dynamic_size adapt the file to other
runtimes: see docs/onnx.md. The section "export" of result.json describes all files.

Without --dynamic_size, a file takes images of one size: by default that of the dataset's images, rounded up to
multiples that the network accepts. tf.saved_model.load, LiteRT and ONNX Runtime run the files without this package.
"""

import pathlib
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.sources import Example
from contextnet_tf.deployment.metadata import CALIBRATION_IMAGES, DEFAULT_FORMATS, FORMATS, IMAGE_TYPES, OUTPUTS
from contextnet_tf.errors import InputError
from contextnet_tf.reporting.exported import file_lines
from contextnet_tf.runs import layout
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import ensure_updatable, read_results, update_results
from contextnet_tf.runs.sections import ExportedFile, ExportSection
from experiments import common_flags, opening, program, splits
from experiments.commands import command
from experiments.splits import Splits

flags.DEFINE_string(
    "format",
    None,
    f"Format to write: {', '.join(FORMATS)}, or both (saved_model and tflite). Default: both; only tflite if "
    "--precision or --output is not its default.",
)
flags.DEFINE_string(
    "output", "logits", f"Output of the TFLite file: {', '.join(OUTPUTS)}; of the ONNX file: logits or labels."
)
flags.DEFINE_string("precision", "float32", "Precision of the TFLite file: float32, float16 or int8.")
flags.DEFINE_integer(
    "height",
    None,
    "Image height in pixels, with --width. Default: the dataset's, rounded up to fit the network.",
    lower_bound=1,
    upper_bound=common_flags.MAX_SIDE,
)
flags.DEFINE_integer(
    "width",
    None,
    "Image width in pixels, with --height. Default: the dataset's, rounded up to fit the network.",
    lower_bound=1,
    upper_bound=common_flags.MAX_SIDE,
)
flags.DEFINE_integer(
    "calibration_images",
    None,
    f"For int8: number of training images to calibrate on. Default: {CALIBRATION_IMAGES}, or all if there are fewer.",
    lower_bound=1,
    upper_bound=1_000_000,
)
flags.DEFINE_bool(
    "tiling",
    True,
    "Make files faster on a CPU: float32 and float16 compute large features in tiles that fit its caches, int8 packs "
    "columns of the image. Use --notiling for GPU delegates.",
)
flags.DEFINE_list("float_layers", [], "For int8: names of layers to keep in float32, as in model_int8_layers.json.")
flags.DEFINE_enum(
    "image_type",
    "uint8",
    IMAGE_TYPES,
    "For ONNX: type of the input, uint8 [B, H, W, 3] or float32 [B, 3, H, W] in 0 to 1.",
)
flags.DEFINE_bool("dynamic_batch", False, "For ONNX: accept batches of any size, instead of one image.")
flags.DEFINE_bool("dynamic_size", False, "For ONNX: accept all image sizes that the network accepts, instead of one.")
common_flags.key_flags(
    "checkpoint",
    *common_flags.DATASET_FLAGS,
    model="Expected name of the network; any other is refused. Default: any.",
    output_dir="Folder whose export/ gets the files, and result.json their description. Required.",
)


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
    calibration_images: int | None = None,
    float_layers: Sequence[str] = (),
    tiling: bool = True,
    image_type: str = "uint8",
    dynamic_batch: bool = False,
    dynamic_size: bool = False,
    class_table: dict[str, Any] | None = None,
    given_flags: dict[str, Any] | None = None,
) -> ExportSection:
    """Exports and checks; returns the section "export" of result.json. The arguments are the flags.

    If `dataset`, `data_dir` or `class_table` is None, the result.json beside the checkpoint gives it, if there is one.
    """
    from contextnet_tf.deployment import checked_export

    provenance = current_provenance()
    formats = checked_export.chosen_formats(formats, precision, output)
    onnx: dict[str, Any] = {"image_type": image_type, "dynamic_batch": dynamic_batch, "dynamic_size": dynamic_size}
    tflite: dict[str, Any] = {"float_layers": tuple(float_layers), "tiling": tiling}
    checked_export.check_settings(formats, precision, calibration_images=calibration_images, **tflite, **onnx)
    network = opening.open_network(checkpoint, model=model)
    file = opening.checkpoint_file(checkpoint)
    resolved = opening.find_dataset(
        dataset=dataset, data_dir=data_dir, class_table=class_table, recorded_in=opening.recording_dirs(file)
    )
    description, found_dir = resolved or (None, None)
    if description:
        opening.require_classes(file, network.output["main"].shape[-1], description)
    opening.require_own_results(output_dir, file)
    ensure_updatable(output_dir)
    trained = (description and splits.splits_of_run(opening.recording_dirs(file), description)) or Splits()
    examples, checked_split = _examples_to_check(description, found_dir, trained, required=bool(data_dir))
    found = checked_export.images_to_check(examples)
    size = size or checked_export.default_size(network, description, found)
    notes: dict[str, Any] = {"accuracy": _measured(file)}
    if precision == "int8":
        if description is None:
            raise InputError("int8 is calibrated on training images: give --dataset and --data_dir")
        train_examples = trained.train_examples(description, found_dir)
        images = checked_export.calibration_images(description, train_examples, calibration_images)
        if calibration_images is None and len(images) < CALIBRATION_IMAGES:
            print(f"note: int8 is calibrated on all {len(images)} training images", file=sys.stderr)
        calibration_images = len(images)
        tflite["calibration"] = checked_export.fitted(network, images, size)
        notes["calibration_split"] = f"{description.name} {trained.train_label}"
    exported = checked_export.export_checked(
        network,
        pathlib.Path(output_dir) / layout.EXPORT,
        formats=formats,
        images=np.stack(checked_export.fitted(network, found, size) or checked_export.noise(size)),
        precision=precision,
        output=output,
        tflite=tflite,
        onnx=onnx,
        size=size,
        dataset=description,
        commit=provenance.commit,
        notes=notes,
    )
    files = {
        each.path.name: ExportedFile.of(
            each.path,
            each.parity,
            input_size=size,
            precision=precision,
            image_type="float32" if each.path.suffix == ".onnx" and image_type == "float32" else None,
            checked_with=f"{len(found)} images of {description.name} {checked_split}" if found else "noise",
            dataset=description.name if found else None,
            split=checked_split,
            calibration_images=calibration_images if each.layer_errors else None,
            layer_errors=each.layer_errors,
            provenance=provenance,
        )
        for each in exported
    }
    section = (read_results(output_dir, missing_ok=True).export or ExportSection()).with_files(files)
    used = (given_flags or {}) | {"dataset": description and description.name}
    update_results(output_dir, section, flags={"export": used})
    return section


def _examples_to_check(
    dataset: Dataset | None, data_dir: str | None, trained: Splits, *, required: bool
) -> tuple[list[Example], str | None]:
    """The examples for the parity check and the name of their split, none if unavailable and not `required`.

    They are those that the network was validated on; where these are missing, those that it was trained on.

    Raises:
      InputError: examples are `required` and there are none.
    """
    if dataset is None:
        return [], None
    validated = splits.evaluated(None, (), trained)
    problems = []
    for label, list_them in ((validated.label, validated.examples), (trained.train_label, trained.train_examples)):
        try:
            return list_them(dataset, data_dir), label
        except InputError as error:
            problems.append(error)
    if required:
        raise problems[0]
    return [], None


def _measured(checkpoint: pathlib.Path) -> dict[str, Any] | None:
    """The accuracy of the network by the result.json beside the checkpoint, and its data; None if not measured."""
    evaluation = read_results(checkpoint.parent, missing_ok=True).evaluation
    if evaluation is None or evaluation.accuracy.mean_iou is None or evaluation.checkpoint != checkpoint.name:
        return None
    return {
        "mean_iou": evaluation.accuracy.mean_iou,
        "dataset": evaluation.dataset,
        "split": evaluation.split,
        "of": "the network, not this file",
    }


def predict_command(path: str) -> str:
    """The command that segments an image with the exported file `path`."""
    return command("predict", f"--checkpoint={shlex.quote(path)}", "--input=IMAGE", "--output_dir=FOLDER")


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    from contextnet_tf.deployment import checked_export

    del argv
    values = flags.FLAGS
    output_dir = common_flags.required("output_dir")
    asked = {None: None, "both": DEFAULT_FORMATS}.get(values.format, (values.format,))
    onnx = {name: values[name].value for name in ("image_type", "dynamic_batch", "dynamic_size")}
    section = run(
        checkpoint=common_flags.required("checkpoint"),
        model=values.model,
        output_dir=output_dir,
        formats=asked,
        precision=values.precision,
        output=values.output,
        size=common_flags.given_size("height", "width"),
        calibration_images=values.calibration_images,
        float_layers=values.float_layers,
        tiling=values.tiling,
        **onnx,
        **common_flags.given_dataset(),
        given_flags=program.given_flags(),
    )
    names = {
        "saved_model": layout.SAVED_MODEL,
        "tflite": checked_export.tflite_name(values.precision, values.output),
        "onnx": checked_export.onnx_name(values.output, **onnx),
    }
    written = [names[each] for each in checked_export.chosen_formats(asked, values.precision, values.output)]
    for name in written:
        print(file_lines(output_dir, section.files[name]))
    if written != [layout.SAVED_MODEL]:
        print(f"use it: {predict_command(f'{output_dir}/{layout.EXPORT}/{written[-1]}')}")


if __name__ == "__main__":
    program.run(main)
