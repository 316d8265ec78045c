"""Measures the start-up of a program that segments one image: time and memory up to the first labels.

Not in the paper. A process with `Segmenter` is compared with one that uses LiteRT, OpenCV and NumPy directly (as in
docs/runtimes.md), interleaved in one run. Targets: at most 1.5 times as long, and at most 40 MB more memory without
numba. The ratio is that of processor times, on which other programs have little effect. Takes a minute on two cores.
Linux only.

  python -m experiments.benchmark_startup --checkpoint=preset:cn14-camvid
"""

from collections.abc import Sequence

from absl import flags

from contextnet_tf.benchmarking.startup import BARE, Startup, measure_startup
from contextnet_tf.datasets.sources import read_image
from data.streets import draw_scene
from experiments import common_flags, opening, program

common_flags.key_flags(
    checkpoint=f"Exported network: {common_flags.PRESET}, the folder of a run (its "
    "export/model.tflite) or a .tflite file. Required.",
    image="Image to segment. Default: a synthetic scene of 360 x 480 (height x width).",
    rounds="Measurement rounds; medians are reported. Default: 10.",
)

ROUNDS = 10
IMAGE_SIZE = (360, 480)  # (height, width), as CamVid's images


def run(*, checkpoint: str, image: str | None = None, rounds: int = ROUNDS) -> dict[str, Startup]:
    """Time and memory of each kind of process; the arguments are the flags."""
    pixels = read_image(image) if image else draw_scene(0, "val", 0, *IMAGE_SIZE).image
    return measure_startup(opening.checkpoint_file(checkpoint, exported=True), pixels, rounds=rounds)


def table(measured: dict[str, Startup]) -> str:
    """The figures as lines of text, with their ratio to the process without this package."""
    bare = measured[BARE]
    lines = [f"{'':22} {'median ms':>10} {'10 to 90 %':>16} {'processor ms':>13} {'ratio':>6} {'MB':>6} {'more':>6}"]
    for name, row in measured.items():
        low, high = row.timing.spread
        lines.append(
            f"{name:22} {row.timing.milliseconds:>10.0f} {f'{low:.0f} to {high:.0f}':>16} "
            f"{row.processor_milliseconds:>13.0f} {row.processor_milliseconds / bare.processor_milliseconds:>6.2f} "
            f"{row.peak_memory / 1e6:>6.0f} "
            f"{(row.peak_memory - bare.peak_memory) / 1e6:>6.0f}"
        )
    return "\n".join(lines)


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    measured = run(checkpoint=common_flags.required("checkpoint"), image=values.image, rounds=values.rounds or ROUNDS)
    print(table(measured))


if __name__ == "__main__":
    program.run(main, needs_tensorflow=False)
