"""Segments images and videos with an exported file: writes class colors over each image, and its labels as a PNG.

  python -m experiments.predict --checkpoint=runs/camvid/export/model.tflite --input=IMAGE --output_dir=DIR
  python -m experiments.predict --checkpoint=preset:cn14-camvid-pretrained --input=drive.mp4 --output_dir=DIR
  python -m experiments.predict --checkpoint=runs/camvid --input=0 --output_dir=DIR
  python -m experiments.predict --checkpoint=runs/camvid --split=val --output_dir=runs/camvid

--input takes an image, a folder of images, a quoted pattern such as 'frames/*.png', a video file, or the number
of a camera, which Ctrl-C or --max_frames ends. Without --input, a dataset's images are segmented: those of the dataset
that the file was exported for, or of --dataset. Then mean IoU and speed go into the section "runtime" of result.json
in --output_dir.

A preset or the folder of a run means its exported TFLite file; a preset's file is int8. Only --engine=tensorflow
needs TensorFlow.

Writes predictions/NAME_overlay.png and predictions/NAME_labels.png (train ids, 8 bits per pixel) into --output_dir.
Unreadable images of a folder or pattern are skipped with a warning, and the exit status is 1. For a video, writes
predictions/NAME_overlay.mp4 (H.264, with the original frame times). If a video is damaged or truncated, its readable
frames are written, with a warning; if a camera disconnects, the frames read so far. With --input,
predictions/legend.png names the color of each class. A file of labels records which image it was made from, and the
report shows it with no other.

With --workers=1, the reported speed is the latency of a frame from the image in memory to its labels in memory, after
one warm-up frame. With more workers, it is the throughput of the whole job, reading and writing files included.
"""

import dataclasses
import itertools
import logging
import pathlib
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tqdm
from absl import flags

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.colors import legend, overlay
from contextnet_tf.datasets.video import Camera, Video
from contextnet_tf.deployment.engines import ENGINES, engine_for
from contextnet_tf.deployment.resizing import RESIZE_MODES
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.confusion import ConfusionMatrix
from contextnet_tf.files import ensure_writable_dir, write_png
from contextnet_tf.runs import layout
from contextnet_tf.runs.predictions import write_prediction
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import ensure_updatable, update_results
from contextnet_tf.runs.sections import RuntimeSection
from experiments import common_flags, flag_kinds, inputs, opening, program
from experiments.progress import progress_bar
from experiments.timed_segmenter import TimedSegmenter
from experiments.video_job import write_overlay

LEGEND = "legend.png"
_logger = logging.getLogger(__name__)

flag_kinds.define_path(
    "input", None, "Image, folder, quoted pattern, video, or camera number. Default: the dataset's images."
)
flags.DEFINE_enum(
    "engine",
    None,
    list(ENGINES),
    "Runs the network: tensorflow takes .keras files and SavedModels, onnxruntime .onnx files, the others .tflite "
    "files. Default: litert for .tflite files and runs, onnxruntime for .onnx files, tensorflow for the rest.",
)
flags.DEFINE_integer(
    "threads",
    None,
    "Threads per image. Default: 1; with --engine=tensorflow, TensorFlow's choice.",
    lower_bound=1,
    upper_bound=common_flags.MAX_THREADS,
)
flags.DEFINE_integer(
    "workers",
    None,
    "Images or frames to segment concurrently. Default: 1; for a video, cores // threads.",
    lower_bound=1,
    upper_bound=common_flags.MAX_THREADS,
)
flags.DEFINE_enum(
    "resize_mode",
    "auto",
    RESIZE_MODES,
    "How images of another size than the file's are adapted: resize, pad, or auto, which pads small differences and "
    "resizes otherwise.",
)
flags.DEFINE_integer(
    "max_frames",
    None,
    "Stop after this many images or frames. Default: no limit.",
    lower_bound=1,
    upper_bound=1_000_000_000,
)
common_flags.key_flags(
    "split",
    *common_flags.DATASET_FLAGS,
    checkpoint=f"Exported network: {common_flags.PRESET}, the folder of a run (its "
    "export/model.tflite), a .tflite file, or a .onnx file. With --engine=tensorflow: the folder of a run (its "
    "best.keras), a .keras file or a SavedModel folder. Required.",
    output_dir="Folder whose predictions/ gets the images or the video. Required.",
)


def run(
    *,
    checkpoint: str,
    input: str | None = None,
    split: str = "val",
    dataset: str | None = None,
    data_dir: str | None = None,
    output_dir: str,
    engine: str | None = None,
    threads: int | None = None,
    workers: int | None = None,
    resize_mode: str = "auto",
    max_frames: int | None = None,
    class_table: dict[str, Any] | None = None,
    given_flags: dict[str, Any] | None = None,
    on_unreadable: Callable[[InputError], object] | None = None,
) -> RuntimeSection:
    """Segments and writes; returns the section "runtime" of result.json. The other arguments are the flags.

    `dataset`, `data_dir` and `class_table` None: those that the file's metadata or a run's result.json name.
    `on_unreadable`: called with the error of each image of a folder or pattern that cannot be read and is therefore
    skipped; None: the first such error is raised.
    """
    suffix = ".onnx" if engine == "onnxruntime" else ".tflite"
    file = opening.checkpoint_file(checkpoint, exported=engine != "tensorflow", suffix=suffix)
    engine = engine or engine_for(file)
    threads = threads or (None if engine == "tensorflow" else 1)
    segmenter = opening.open_segmenter(file, engine=engine, num_threads=threads, resize_mode=resize_mode)
    if not input:
        opening.require_own_results(output_dir, pathlib.Path(file))
        ensure_updatable(output_dir)
    description, data_dir = _dataset(file, output_dir, segmenter, dataset, data_dir, class_table)
    video = inputs.opened_video(input) if input else None
    folder = pathlib.Path(output_dir) / layout.PREDICTIONS
    matrix = ConfusionMatrix(description.num_classes, description.ignore_label)
    if video:
        timed = TimedSegmenter(segmenter, workers or segmenter.workers)
        _segment_video(video, timed, description, ensure_writable_dir(folder), max_frames)
    else:
        timed = TimedSegmenter(segmenter, workers or 1)
        if input:
            count, items = inputs.named_images(input, folder, on_unreadable)
        else:
            count, items = inputs.split_images(description, data_dir, split)
        count = min(count, max_frames or count)
        ensure_writable_dir(folder)  # before a bar is shown
        bar = progress_bar(total=count, desc="segmenting", unit="image")
        _segment_images(itertools.islice(items, count), timed, description, folder, matrix, bar)
    section = dataclasses.replace(
        timed.section(),
        engine=engine,
        threads=threads,
        mean_iou=matrix.mean_iou() if matrix.counts.any() else None,
        file=pathlib.Path(file).name,
        dataset=None if input else description.name,
        split=None if input else split,
        provenance=current_provenance(),
    )
    if input:
        names = [entry.name for entry in description.classes]
        # Not beside `predictions`: there, it would be an image of a folder that is both input and output.
        write_png(folder / LEGEND, legend(names, description.palette)[..., ::-1])
    else:
        used = (given_flags or {}) | {"dataset": description.name}
        update_results(output_dir, section, flags={"predict": used})
    return section


def _segment_images(
    items: Iterable[inputs.Item],
    timed: TimedSegmenter,
    dataset: Dataset,
    folder: pathlib.Path,
    matrix: ConfusionMatrix,
    bar: tqdm.tqdm,
) -> None:
    with bar:
        for item, labels in timed.labeled(items):
            if item.ground_truth is not None:
                matrix.update(item.ground_truth, labels)
            write_prediction(folder / layout.LABELS.format(item.name), labels, item.digest)
            write_png(folder / f"{item.name}_overlay.png", overlay(item.image, labels, dataset.palette)[..., ::-1])
            bar.update()


def _segment_video(
    video: Video | Camera, timed: TimedSegmenter, dataset: Dataset, folder: pathlib.Path, max_frames: int | None
) -> None:
    """Writes the overlay video; warns if a file is damaged.

    Raises what ended a camera's stream early, and KeyboardInterrupt for a file. Ctrl-C is the usual end of a camera.
    """
    count = max_frames if video.num_frames is None else min(video.num_frames, max_frames or video.num_frames)
    path = folder / f"{video.name}_overlay.mp4"
    with progress_bar(total=count, desc="segmenting", unit="frame") as bar:
        lost = write_overlay(video, timed, dataset.palette, path, max_frames=max_frames, on_frame=bar.update)
    stopped = isinstance(lost, KeyboardInterrupt)
    if lost is None or (video.is_live and stopped):
        return
    if stopped:
        _logger.warning("stopped; %s has the first %d frames", path, bar.n)
    if video.is_live or stopped:
        raise lost
    _logger.warning("%s; %s has the first %d frames", lost, path, bar.n)


def _dataset(
    file: pathlib.Path,
    output_dir: str,
    segmenter: Segmenter,
    dataset: str | None,
    data_dir: str | None,
    class_table: dict[str, Any] | None,
) -> opening.FoundDataset:
    """The dataset of the network's classes: the given one, else the one in the file's metadata or in a run."""
    own = segmenter.metadata.get("dataset")
    if class_table is None and dataset in (None, own):
        class_table = segmenter.metadata.get("class_table")
    found = opening.dataset_of(
        file,
        dataset=dataset or own,
        data_dir=data_dir,
        class_table=class_table,
        recorded_in=[output_dir, *opening.recording_dirs(file)],
    )
    opening.require_classes(file, segmenter.num_classes, found.dataset, metadata=segmenter.metadata)
    return found


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    output_dir = common_flags.required("output_dir")
    skipped: list[InputError] = []

    def skip(error: InputError) -> None:
        tqdm.tqdm.write(f"warning: an image is skipped: {program.with_flags(str(error))}", file=sys.stderr)
        skipped.append(error)

    section = run(
        checkpoint=common_flags.required("checkpoint"),
        input=values.input,
        split=values.split,
        output_dir=output_dir,
        engine=values.engine,
        threads=values.threads,
        workers=values.workers,
        resize_mode=values.resize_mode,
        max_frames=values.max_frames,
        **common_flags.given_dataset(),
        given_flags=program.given_flags(),
        on_unreadable=skip,
    )
    is_video = bool(values.input) and inputs.is_video(values.input)
    print(_summary(section, "frame" if is_video else "image"))
    if section.mean_iou is not None:
        what = "the network" if str(section.file).lower().endswith(".keras") else "the exported file"
        print(f"mean IoU of {what}: {100 * section.mean_iou:.2f} %")
    written = f"{output_dir}/{layout.PREDICTIONS}"
    print(f"written: {written}" + (f"; {written}/{LEGEND} names the colors" if values.input else ""))
    if skipped:
        total = section.images + len(skipped)
        raise InputError(
            f"{values.input}: unreadable images were skipped, {len(skipped)} of {total}; replace or remove them"
        )


def _summary(section: RuntimeSection, unit: str) -> str:
    count = f"1 {unit}" if section.images == 1 else f"{section.images} {unit}s"
    words = [f"{count}: {section.frames_per_second:.1f} frames per second"]
    if section.milliseconds_spread:
        low, high = section.milliseconds_spread
        spread = f" ({low:.1f} to {high:.1f})" if section.images > 1 else ""
        words.append(f"{section.milliseconds_median:.1f} ms per {unit}{spread}")
    else:
        words.append(f"{section.workers} workers, reading and writing included")
    return ", ".join([*words, str(section.engine), _threads(section.threads)])


def _threads(count: int | None) -> str:
    return f"{count} thread{'s' if count > 1 else ''}" if count else "threads chosen by the engine"


if __name__ == "__main__":
    program.run(main, needs_tensorflow=False)
