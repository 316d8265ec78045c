"""Segments pictures with an exported file: class colours over each picture, and its labels as a PNG.

  python -m experiments.predict --checkpoint=runs/camvid/export/model.tflite --input=PICTURE --output_dir=DIR
  python -m experiments.predict --checkpoint=runs/camvid --split=val --output_dir=runs/camvid

--input takes a picture, a folder of pictures or a quoted pattern such as 'frames/*.png'. Without it, the
pictures of a data set are segmented: the one that the file was exported for, or --dataset. Then the mean IoU
is reported too, and both go into the section "runtime" of result.json in --output_dir.

Writes predictions/NAME_overlay.png and predictions/NAME_labels.png (train ids, one 8-bit value a pixel) into
--output_dir. Frames a second count from the picture in memory to its labels in memory (section 3.1 of the
paper), after one frame of warm-up; reading and writing files do not count.
"""

import glob
import pathlib
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tqdm
from absl import flags

from contextnet_tf.datasets.catalog import Dataset, get_dataset
from contextnet_tf.datasets.colours import overlay
from contextnet_tf.datasets.sources import PICTURE_SUFFIXES, check_files, read_example, read_image
from contextnet_tf.deployment.engines import ENGINES
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.confusion import ConfusionMatrix
from contextnet_tf.files import make_folder, write_png
from contextnet_tf.reporting.results import recorded_dataset, recorded_definition, update_results
from experiments import program

flags.DEFINE_string("input", None, "Picture, folder of pictures, or quoted pattern. Default: the data set's.")
flags.DEFINE_enum("engine", "litert", list(ENGINES), "What runs it. tensorflow takes .keras files and SavedModel folders, the others .tflite files.")
flags.DEFINE_integer(
    "threads", None, "Threads of the engine. Default: 1; for tensorflow its own choice.", lower_bound=1
)
program.key_flags("checkpoint", "split", *program.DATASET_FLAGS, "output_dir")

# A picture's name, the picture uint8 [H, W, 3] RGB, and its train ids uint8 [H, W] where they are known.
Item = tuple[str, np.ndarray, np.ndarray | None]


def run(
    *,
    checkpoint: str,
    input: str | None = None,
    split: str = "val",
    dataset: str | None = None,
    data_dir: str | None = None,
    output_dir: str,
    engine: str = "litert",
    threads: int | None = None,
    definition: dict[str, Any] | None = None,
    given_flags: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Segments and writes; returns the section "runtime" of result.json. The arguments are the flags.

    `dataset`, `data_dir` and `definition` None: those that the file's metadata or a run's result.json name.
    """
    threads = threads or (None if engine == "tensorflow" else 1)
    segmenter = Segmenter(_exported_file(checkpoint, engine), num_threads=threads, engine=engine)
    description, recorded_dir = _dataset(checkpoint, output_dir, segmenter, dataset, definition)
    count, items = (
        _listed_items(input) if input else _split_items(description, data_dir or recorded_dir, split)
    )
    folder = make_folder(pathlib.Path(output_dir) / "predictions")
    matrix = ConfusionMatrix(description.num_classes, description.ignore_label)
    milliseconds, sizes = [], []
    bar = tqdm.tqdm(items, total=count, desc="segmenting", unit="picture", dynamic_ncols=True)
    for name, image, truth in bar:
        if not milliseconds:
            segmenter.segment(image)  # warm-up
        start = time.perf_counter()
        labels = segmenter.segment(image)
        milliseconds.append(1000 * (time.perf_counter() - start))
        sizes.append(list(image.shape[:2]))
        if truth is not None:
            matrix.update(truth, labels)
        write_png(folder / f"{name}_labels.png", labels)
        write_png(folder / f"{name}_overlay.png", overlay(image, labels, description.palette)[..., ::-1])
    median = statistics.median(milliseconds)
    section = {
        "engine": engine,
        "threads": threads,
        "size": statistics.mode(map(tuple, sizes)),
        "pictures": count,
        "milliseconds_median": median,
        "milliseconds_spread": np.percentile(milliseconds, (10, 90)).tolist(),
        "frames_per_second": 1000 / median,
        "mean_iou": matrix.mean_iou() if matrix.counts.any() else None,
    }
    if not input:
        used = (given_flags or {}) | {"dataset": description.name}
        update_results(output_dir, runtime=section, flags={"predict": used})
    return section


def _exported_file(checkpoint: str, engine: str) -> str | pathlib.Path:
    """What the engine loads: of a run's folder the TFLite file in it, or its best network."""
    if engine == "tensorflow" or not pathlib.Path(checkpoint).is_dir():
        return checkpoint
    path = pathlib.Path(checkpoint) / "export" / "model.tflite"
    if not path.is_file():
        raise InputError(f"{checkpoint}: holds no export/model.tflite; run experiments.export first")
    return path


def _dataset(
    checkpoint: str, output_dir: str, segmenter: Segmenter, name: str | None, definition: dict[str, Any] | None
) -> tuple[Dataset, str | None]:
    """The data set whose classes the network knows, and the folder in which a run last had it."""
    path = pathlib.Path(checkpoint)
    run_dirs = [output_dir, path, *path.parents[:2]]
    name, data_dir = recorded_dataset(run_dirs, name or segmenter.metadata.get("dataset"), None)
    if name is None:
        raise InputError(f"{checkpoint}: does not say which data set's classes it knows; say --dataset=...")
    if definition is None and name == segmenter.metadata.get("dataset"):
        definition = segmenter.metadata.get("definition")
    description = get_dataset(name, definition or recorded_definition(run_dirs, name))
    if description.num_classes != segmenter.num_classes:
        raise InputError(
            f"{checkpoint}: tells {segmenter.num_classes} classes apart, data set {name!r} has "
            f"{description.num_classes}; say --dataset=..."
        )
    return description, data_dir


def _split_items(dataset: Dataset, data_dir: str | None, split: str) -> tuple[int, Iterator[Item]]:
    examples = program.list_examples(dataset, data_dir, split)
    check_files(examples)
    return len(examples), (
        (example.name, *read_example(example, dataset))
        if example.label_path
        else (example.name, read_image(example.image_path), None)
        for example in examples
    )


def _listed_items(pattern: str) -> tuple[int, Iterator[Item]]:
    paths = _pictures(pattern)
    names = {}
    for path in paths:
        if path.stem in names:
            raise InputError(f"{path}: has the name of {names[path.stem]}; segment them one folder at a time")
        names[path.stem] = path
    return len(paths), ((path.stem, read_image(path), None) for path in paths)


def _pictures(pattern: str) -> list[pathlib.Path]:
    """The pictures that --input means, sorted.

    Raises:
      InputError: there are none.
    """
    path = pathlib.Path(pattern)
    if path.is_file():
        return [path]
    found = path.iterdir() if path.is_dir() else map(pathlib.Path, glob.glob(pattern, recursive=True))
    pictures = sorted(x for x in found if x.is_file() and x.suffix.lower() in PICTURE_SUFFIXES)
    if not pictures:
        raise InputError(f"{pattern}: no pictures found; name a picture, a folder or a quoted pattern")
    return pictures


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    output_dir = program.required("output_dir")
    section = run(
        checkpoint=program.required("checkpoint"),
        input=values.input,
        split=values.split,
        dataset=values.dataset,
        data_dir=values.data_dir,
        output_dir=output_dir,
        engine=values.engine,
        threads=values.threads,
        definition=program.given_definition(),
        given_flags=program.given_flags(),
    )
    low, high = section["milliseconds_spread"]
    print(
        f"{section['pictures']} pictures: {section['frames_per_second']:.1f} frames a second, "
        f"{section['milliseconds_median']:.1f} ms a picture ({low:.1f} to {high:.1f}), "
        f"{section['engine']}, {section['threads'] or 'any number of'} thread(s)"
    )
    if section["mean_iou"] is not None:
        print(f"mean IoU of the exported file: {100 * section['mean_iou']:.2f} %")
    print(f"overlays and labels: {output_dir}/predictions")


if __name__ == "__main__":
    program.run(main)
