"""Measures the throughput of predict on a video as a share of the network's own, and the cost of each part.

Not in the paper. In each round the same frames are segmented as a bare stream from memory to memory, and by the whole
job, in which reading, network, overlay and writing run concurrently. Each part is also measured alone; "overlay" is a
part of "write".
Takes two minutes for 24 frames of 1024 x 2048 (height x width) on two cores.

  python -m experiments.benchmark_video --checkpoint=runs/camvid/export/model.tflite --video=drive.mp4

A share is the job's frames per second over those of the bare stream in the same round, by wall-clock time and by
processor time; the latter stays comparable on a busy machine. Figures are medians over the rounds.
"""

import contextlib
import itertools
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from absl import flags

from contextnet_tf.datasets.video import Video
from contextnet_tf.datasets.video_writer import video_writer
from contextnet_tf.datasets.yuv import YUVFrames
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError
from experiments import common_flags, flag_kinds, program
from experiments.timed_segmenter import TimedSegmenter
from experiments.video_job import write_overlay

FRAMES, ROUNDS = 24, 5

flag_kinds.define_path("video", None, "Video file. Required.")
flags.DEFINE_integer("video_frames", FRAMES, "Number of frames of the video to measure with.", 1, 1_000_000)
common_flags.key_flags(
    checkpoint="Exported .tflite file. Required.", rounds="Measurement rounds; medians are reported. Default: 5."
)


class Cost(NamedTuple):
    """Milliseconds, and milliseconds of all cores together."""

    milliseconds: float
    core_milliseconds: float


STREAM, WHOLE = "stream", "whole job"
PARTS = (STREAM, "read", "overlay", "write", WHOLE)  # write includes overlay


def run(
    *, checkpoint: str, video: str, video_frames: int = FRAMES, workers: int | None = None, rounds: int = ROUNDS
) -> dict[str, list[Cost]]:
    """The cost per frame of each of `PARTS` in each round. The arguments are the flags; `workers` None: all cores."""
    segmenter = Segmenter(checkpoint, num_threads=1)
    palette = np.random.default_rng(0).integers(0, 256, (segmenter.num_classes, 3))
    images = _first_frames(video, video_frames)
    labels = list(segmenter.stream(images, workers=workers))  # warms up as well
    frames = YUVFrames(*(side // 2 * 2 for side in images[0].shape[:2]), palette)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "overlay.mp4"

        def blend() -> None:
            for image, each in zip(images, labels, strict=True):
                frames.frame(image, each)

        def write() -> None:
            with video_writer(path, 25, palette) as add:
                for image, each in zip(images, labels, strict=True):
                    add(image, labels=each)

        def whole() -> None:
            timed = TimedSegmenter(segmenter, workers or segmenter.workers, warm_up=False)
            error = write_overlay(Video(video), timed, palette, path, max_frames=video_frames)
            if error is not None:
                raise error

        parts: tuple[Callable[[], object], ...] = (
            lambda: list(segmenter.stream(images, workers=workers)),
            lambda: _first_frames(video, video_frames),
            blend,
            write,
            whole,
        )
        taken: dict[str, list[Cost]] = {name: [] for name in PARTS}
        for _ in range(rounds):
            for name, part in zip(PARTS, parts, strict=True):
                start, cores = time.perf_counter(), time.process_time()
                part()
                passed = time.perf_counter() - start, time.process_time() - cores
                taken[name].append(Cost(*(1000 * seconds / len(images) for seconds in passed)))
    return taken


def _first_frames(path: str, count: int) -> list[np.ndarray]:
    with contextlib.closing(Video(path)) as video:
        images = list(itertools.islice(video.frames(), count))
    if len(images) < count:
        raise InputError(
            f"{path}: has only {len(images)} frame(s); set `video_frames={len(images)}`, or give a longer video"
        )
    return images


def table(taken: dict[str, list[Cost]]) -> str:
    """The medians as lines of text."""
    lines = [f"{'':10} {'ms a frame':>10} {'frames/s':>9} {'core ms':>9} {'of stream':>10} {'by core ms':>11}"]
    for name, costs in taken.items():
        middle, cores = (statistics.median(values) for values in zip(*costs, strict=True))
        line = f"{name:10} {middle:10.1f} {1000 / middle:9.1f} {cores:9.1f}"
        if name == WHOLE:
            for kind in range(2):
                shares = [stream[kind] / own[kind] for stream, own in zip(taken[STREAM], costs, strict=True)]
                line += f" {statistics.median(shares):10.2f}"
        lines.append(line)
    return "\n".join(lines)


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    taken = run(
        checkpoint=common_flags.required("checkpoint"),
        video=common_flags.required("video"),
        video_frames=values.video_frames,
        rounds=values.rounds or ROUNDS,
    )
    print(table(taken))


if __name__ == "__main__":
    program.run(main)
